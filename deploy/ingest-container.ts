import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { GatewayVpcEndpointAwsService, SubnetType, Vpc, type IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  Cluster,
  ContainerImage,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
  Secret as EcsSecret,
  type ICluster,
} from 'aws-cdk-lib/aws-ecs';
import {
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ListenerAction,
  ListenerCondition,
  type ApplicationTargetGroup,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { Environment } from './config-schema';
import { mayWriteResults } from './function';
import type { ResultsTable } from './table';

export type ContainerIngest = { balancer: ApplicationLoadBalancer; targets: ApplicationTargetGroup };

const port = 8080;

/**
 * Ingest as the repository's own image on Fargate, behind a load balancer with TLS: no cold start and no limit on
 * what runs at once, for the price of two tasks that always run. The reason phrase, by which the relay shows what was
 * wrong with a callback, is the app's own here as far as the balancer passes it on.
 *
 * The network has public subnets only, since tasks must reach the image, the secret and the log, and a NAT would cost
 * more than they do; nothing but the balancer may open a connection to them.
 */
export function createContainerIngest(
  scope: Construct,
  props: {
    config: Extract<Environment['ingest'], { kind: 'container' }>;
    relayTokensSecret: string;
    table: ResultsTable;
  },
): ContainerIngest {
  const { config, table } = props;
  // The CDK's classes do not fit its own interfaces under exactOptionalPropertyTypes.
  const vpc = new Vpc(scope, 'Network', {
    availabilityZones: config.availabilityZones,
    natGateways: 0,
    subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC }],
    restrictDefaultSecurityGroup: false,
    gatewayEndpoints: { DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB } },
  }) as IVpc;
  const service = createService(scope, vpc, props);
  const balancer = new ApplicationLoadBalancer(scope, 'Balancer', { vpc, internetFacing: true });
  const listener = balancer.addListener('Tls', {
    port: 443,
    protocol: ApplicationProtocol.HTTPS,
    certificates: [Certificate.fromCertificateArn(scope, 'Certificate', config.certificateArn)],
    // `/metrics` and `/readyz` are nobody's outside.
    defaultAction: ListenerAction.fixedResponse(404),
  });
  const targets = listener.addTargets('Ingest', {
    priority: 1,
    conditions: [ListenerCondition.pathPatterns(['/api/oot/results', '/api/crcr/results', '/healthz'])],
    port,
    protocol: ApplicationProtocol.HTTP,
    targets: [service],
    // Not /readyz: with DynamoDB away the app's own 503 is the better answer, since it says so.
    healthCheck: { path: '/healthz', interval: Duration.seconds(10), healthyThresholdCount: 2 },
    // Ingest finishes what is in flight within 10 s.
    deregistrationDelay: Duration.seconds(15),
  });
  new CfnOutput(scope, 'IngestHost', {
    value: balancer.loadBalancerDnsName,
    description: `Where the certificate's name has to point (CNAME); takes callbacks of ${table.name}`,
  });
  return { balancer, targets };
}

function createService(
  scope: Construct,
  vpc: IVpc,
  { config, relayTokensSecret, table }: Parameters<typeof createContainerIngest>[1],
): FargateService {
  const task = new FargateTaskDefinition(scope, 'Task', {
    cpu: 512,
    memoryLimitMiB: 1024,
    runtimePlatform: {
      cpuArchitecture: CpuArchitecture.X86_64,
      operatingSystemFamily: OperatingSystemFamily.LINUX,
    },
  });
  task.addToTaskRolePolicy(mayWriteResults(table.arn));
  task.addContainer('Ingest', {
    // Only its description is made here; the image itself is built at deployment.
    image: ContainerImage.fromAsset(join(__dirname, '..'), {
      assetName: 'ingest',
      // Whatever the machine is that deploys.
      platform: Platform.LINUX_AMD64,
    }),
    portMappings: [{ containerPort: port }],
    environment: {
      HOST: '0.0.0.0',
      PORT: String(port),
      OOT_TABLE: table.name,
      // Nothing can be written: a volume of Fargate would be root's, and tsx ends where it can't keep what it has read.
      TSX_DISABLE_CACHE: '1',
    },
    secrets: {
      OOT_RELAY_TOKENS: EcsSecret.fromSecretsManager(
        Secret.fromSecretNameV2(scope, 'RelayTokens', relayTokensSecret),
      ),
    },
    logging: LogDrivers.awsLogs({
      streamPrefix: 'ingest',
      logGroup: new LogGroup(scope, 'IngestLog', {
        retention: RetentionDays.ONE_MONTH,
        removalPolicy: RemovalPolicy.RETAIN,
      }),
    }),
    readonlyRootFilesystem: true,
    stopTimeout: Duration.seconds(30),
  });
  return new FargateService(scope, 'Service', {
    cluster: new Cluster(scope, 'Cluster', { vpc }) as ICluster,
    taskDefinition: task,
    desiredCount: config.tasks,
    assignPublicIp: true,
    minHealthyPercent: 100,
    circuitBreaker: { rollback: true },
  });
}
