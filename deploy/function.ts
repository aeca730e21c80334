import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

/**
 * A function from a bundle, with a role of its own that may do what `statements` say, write its own log, and nothing
 * else. The statements stand in the role itself, so that they are there before anything uses it.
 */
export function createFunction(
  scope: Construct,
  id: string,
  props: {
    description: string;
    /** With an `index.js` that exports `handler`. */
    bundleFolder: string;
    memoryMb: number;
    timeoutSeconds: number;
    environment: Record<string, string>;
    statements: PolicyStatement[];
  },
): Function {
  const logGroup = new LogGroup(scope, `${id}Log`, {
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const log = new PolicyStatement({
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: [logGroup.logGroupArn],
  });
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { Function: new PolicyDocument({ statements: [log, ...props.statements] }) },
  });
  return new Function(scope, id, {
    description: props.description,
    runtime: Runtime.NODEJS_22_X,
    architecture: Architecture.ARM_64,
    code: Code.fromAsset(props.bundleFolder),
    handler: 'index.handler',
    memorySize: props.memoryMb,
    timeout: Duration.seconds(props.timeoutSeconds),
    role,
    logGroup,
    environment: props.environment,
  });
}

/** May read one secret, known by its name. Its ARN ends in six characters that Secrets Manager chose. */
export function mayReadSecret(scope: Construct, secretName: string): PolicyStatement {
  const arn = Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${secretName}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] });
}

/** May write callbacks into the table: what ingest's store does, and no more. */
export const mayWriteResults = (tableArn: string): PolicyStatement =>
  new PolicyStatement({ actions: ['dynamodb:UpdateItem', 'dynamodb:DescribeTable'], resources: [tableArn] });
