import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { apiLambdaConfigSchema } from '../../api/config';
import { environments } from '../../deploy/config';
import { parseEnvironments, type EnvironmentInput } from '../../deploy/config-schema';
import { createStack } from '../../deploy/stack';
import { ingestConfigSchema, ingestLambdaConfigSchema } from '../../ingest/config';
import { replicatorLambdaConfigSchema } from '../../replicator/config';

/* What would be deployed, made without an account and without a network. */

const folder = mkdtempSync(join(tmpdir(), 'oot-stack-'));
const bundleFolders = {
  api: join(folder, 'api'),
  ingest: join(folder, 'ingest'),
  replicator: join(folder, 'replicator'),
};
for (const each of Object.values(bundleFolders)) {
  mkdirSync(each);
  writeFileSync(join(each, 'index.js'), 'exports.handler = async () => undefined;');
}
afterAll(() => rmSync(folder, { recursive: true }));

const streamArn = 'arn:aws:dynamodb:us-east-1:123456789012:table/hud/stream/2026-11-20T10:00:00.123';
const usual: EnvironmentInput = {
  region: 'us-east-1',
  table: { kind: 'own', name: 'results' },
  secrets: { relayTokens: 'oot/relay-token', clickHouse: 'oot/clickhouse' },
  ingest: { kind: 'lambda' },
  alarms: { email: 'oncall@example.org' },
};
const api = {
  kind: 'lambda',
  secrets: { readTokens: 'oot/read-token', clickHouse: 'oot/clickhouse-read' },
} as const;
const inputs = {
  usual,
  container: {
    ...usual,
    table: { kind: 'own', name: 'results-of-container' },
    ingest: {
      kind: 'container',
      certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/0f2e3c4b',
      availabilityZones: ['us-east-1a', 'us-east-1b'],
    },
  },
  attached: {
    ...usual,
    table: {
      kind: 'existing',
      name: 'hud',
      streamArn,
      kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/0f2e3c4b',
    },
    ingest: { kind: 'none' },
  },
  readers: {
    ...usual,
    table: { kind: 'own', name: 'results-for-readers' },
    api: { ...api, public: 'badges', grafanaUrl: 'https://grafana.example.org' },
  },
  'readers-alone': {
    ...usual,
    table: { kind: 'existing', name: 'upstream', streamArn: streamArn.replace('/hud/', '/upstream/') },
    ingest: { kind: 'none' },
    api,
  },
} satisfies Record<string, EnvironmentInput>;

type Kind = keyof typeof inputs;
type Resource = { Type: string; Properties: Record<string, unknown>; DeletionPolicy?: string };
type Resources = Record<string, Resource>;

const app = new App({ outdir: join(folder, 'out') });
const kinds = Object.keys(inputs) as Kind[];
const stacks = Object.entries(parseEnvironments(inputs)).map(
  ([name, environment]) => [name, createStack(app, name, environment, bundleFolders)] as const,
);
const templates = Object.fromEntries(
  stacks.map(([name, stack]) => [name, Template.fromStack(stack)]),
) as Record<Kind, Template>;
const resourcesOf = (kind: Kind): Resource[] =>
  Object.values(templates[kind].toJSON().Resources as Resources);
const ofType = (kind: Kind, type: string) => resourcesOf(kind).filter(({ Type }) => Type === type);

describe('making it', () => {
  it('asks no account for anything', () => {
    const { manifest } = app.synth();
    expect(manifest.missing ?? []).toEqual([]);
  });

  it('works as the command line does it, for what config.ts says, with nothing in the environment', () => {
    const outdir = join(folder, 'cdk.out');
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'deploy/main.ts'], {
      cwd: join(__dirname, '../..'),
      env: { PATH: process.env.PATH, CDK_OUTDIR: outdir },
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readdirSync(outdir).filter((file) => file.endsWith('.template.json'))).toEqual(
      Object.keys(environments)
        .map((name) => `oot-ci-health-${name}.template.json`)
        .sort(),
    );
  });
});

describe('the table', () => {
  it('is kept, whatever happens to the stack, and can be brought back to any second', () => {
    templates.usual.hasResource('AWS::DynamoDB::Table', {
      Properties: {
        TableName: 'results',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'dynamoKey', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'dynamoKey', KeyType: 'HASH' }],
        StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
  });

  it('is only read where it is an existing one: nothing is made, and nothing may be written', () => {
    expect(ofType('attached', 'AWS::DynamoDB::Table')).toEqual([]);
    templates.attached.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: streamArn,
    });
    const actions = statementsOf('attached').flatMap(({ actions }) => actions);
    expect(actions.filter((action) => /^(dynamodb|kms):/.test(action)).sort()).toEqual([
      'dynamodb:DescribeStream',
      'dynamodb:GetRecords',
      'dynamodb:GetShardIterator',
      'dynamodb:ListStreams',
      'kms:Decrypt',
    ]);
  });
});

describe.each(kinds)('the replicator of %s', (kind) => {
  it('reads the stream as the handler expects it', () => {
    const [mapping, ...others] = ofType(kind, 'AWS::Lambda::EventSourceMapping');
    expect(others).toEqual([]);
    const { EventSourceArn: _, FunctionName, DestinationConfig, Tags: __, ...settings } = mapping!.Properties;
    expect(settings).toEqual({
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: 1000,
      MaximumBatchingWindowInSeconds: 5,
      ParallelizationFactor: 1,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: 12 * 3600,
      MetricsConfig: { Metrics: ['EventCount'] },
    });
    expect(FunctionName).toEqual({ Ref: expect.stringMatching(/^Replicator/) as string });
    expect(DestinationConfig).toEqual({
      OnFailure: { Destination: { 'Fn::GetAtt': [expect.stringMatching(/^Failures/), 'Arn'] } },
    });
  });

  it('keeps what it gave up, for nobody but us', () => {
    templates[kind].hasResource('AWS::S3::Bucket', {
      Properties: {
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        BucketEncryption: Match.anyValue(),
      },
      DeletionPolicy: 'Retain',
    });
    const [bucket] = ofType(kind, 'AWS::S3::Bucket');
    const { Rules } = bucket!.Properties.LifecycleConfiguration as { Rules: Record<string, unknown>[] };
    // Nothing that is there expires; only versions of what was deleted do.
    for (const rule of Rules) {
      expect(rule.ExpirationInDays).toBeUndefined();
      expect(rule.ExpirationDate).toBeUndefined();
      expect(rule.Transitions).toBeUndefined();
    }
  });
});

describe('time', () => {
  it("is longer for ingest than the app's own 8.2 s and a cold start, and less than the gateway's 30 s", () => {
    const timeout = functionOf('usual', 'callbacks').Timeout as number;
    expect(timeout).toBeGreaterThan(8.2 + 5);
    expect(timeout).toBeLessThan(30);
  });

  it("is longer for the API than a look-up's 8 s and a first look at its secrets, and less than the gateway's 30 s", () => {
    const timeout = functionOf('readers', 'readers').Timeout as number;
    expect(timeout).toBeGreaterThan(8 + 5);
    expect(timeout).toBeLessThan(30);
  });

  it('is longer for the replicator than two requests to ClickHouse of 60 s', () => {
    expect(functionOf('usual', 'Mirrors').Timeout).toBeGreaterThan(120);
  });
});

function functionOf(kind: Kind, description: string): Record<string, unknown> {
  const found = ofType(kind, 'AWS::Lambda::Function').filter(({ Properties }) =>
    String(Properties.Description).includes(description),
  );
  expect(found.length).toBe(1);
  return found[0]!.Properties;
}

describe('what comes in', () => {
  it('reaches the function by two paths and a look at its health, and by no other', () => {
    const routes = ofType('usual', 'AWS::ApiGatewayV2::Route').map(({ Properties }) => Properties.RouteKey);
    expect(routes.sort()).toEqual(['GET /healthz', 'POST /api/crcr/results', 'POST /api/oot/results']);
    for (const { Properties } of ofType('usual', 'AWS::ApiGatewayV2::Integration'))
      expect(Properties).toMatchObject({ IntegrationType: 'AWS_PROXY', PayloadFormatVersion: '2.0' });
    expect(ofType('usual', 'AWS::Lambda::Url')).toEqual([]);
  });

  it('reaches the container by the same, through TLS alone', () => {
    const listeners = ofType('container', 'AWS::ElasticLoadBalancingV2::Listener');
    expect(listeners.map(({ Properties }) => [Properties.Protocol, Properties.Port])).toEqual([
      ['HTTPS', 443],
    ]);
    expect(listeners[0]!.Properties.DefaultActions).toMatchObject([
      { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } },
    ]);
    const rules = ofType('container', 'AWS::ElasticLoadBalancingV2::ListenerRule');
    expect(rules.map(({ Properties }) => Properties.Conditions)).toEqual([
      [
        {
          Field: 'path-pattern',
          PathPatternConfig: { Values: ['/api/oot/results', '/api/crcr/results', '/healthz'] },
        },
      ],
    ]);
  });

  it('opens no port of a task but to the balancer', () => {
    const open = ofType('container', 'AWS::EC2::SecurityGroup').filter(({ Properties }) =>
      JSON.stringify(Properties.SecurityGroupIngress ?? []).includes('0.0.0.0/0'),
    );
    expect(
      open.map(({ Properties }) => (Properties.SecurityGroupIngress as { FromPort: number }[])[0]),
    ).toEqual([expect.objectContaining({ FromPort: 443, ToPort: 443 })]);
    const between = ofType('container', 'AWS::EC2::SecurityGroupIngress');
    expect(between.map(({ Properties }) => [Properties.FromPort, Properties.ToPort])).toEqual([[8080, 8080]]);
  });

  it('is nothing where somebody else writes', () => {
    for (const type of ['AWS::ApiGatewayV2::Api', 'AWS::ECS::Service'])
      expect(ofType('attached', type)).toEqual([]);
    expect(ofType('attached', 'AWS::Lambda::Function').length).toBe(1);
  });
});

describe('what readers ask', () => {
  const paths = ['GET /api/oot/badge/{proxy+}', 'GET /api/oot/prs/{proxy+}'];
  const routesOf = (kind: Kind) =>
    Object.fromEntries(
      ofType(kind, 'AWS::ApiGatewayV2::Route').map(({ Properties }) => [
        String(Properties.RouteKey),
        JSON.stringify(Properties.Target),
      ]),
    );
  const stageOf = (kind: Kind) => {
    const [[, stage] = [], ...others] = Object.entries(
      templates[kind].toJSON().Resources as Record<string, Resource & { DependsOn?: string[] }>,
    ).filter(([, { Type }]) => Type === 'AWS::ApiGatewayV2::Stage');
    expect(others).toEqual([]);
    return stage!;
  };

  it('comes by two paths of the API that takes callbacks, and reaches a function of its own', () => {
    expect(ofType('readers', 'AWS::ApiGatewayV2::Api').length).toBe(1);
    const routes = routesOf('readers');
    const ofIngest = ['GET /healthz', 'POST /api/crcr/results', 'POST /api/oot/results'];
    expect(Object.keys(routes).sort()).toEqual([...paths, ...ofIngest].sort());
    expect(paths.map((path) => routes[path])).toEqual([routes[paths[0]!], routes[paths[0]!]]);
    expect(ofIngest.map((path) => routes[path])).not.toContain(routes[paths[0]!]);
    for (const { Properties } of ofType('readers', 'AWS::ApiGatewayV2::Integration'))
      expect(Properties).toMatchObject({ IntegrationType: 'AWS_PROXY', PayloadFormatVersion: '2.0' });
  });

  it('is throttled by the gateway, and callbacks are not', () => {
    const { Properties, DependsOn } = stageOf('readers');
    const throttle = { ThrottlingRateLimit: 10, ThrottlingBurstLimit: 20 };
    expect(Properties.RouteSettings).toEqual(Object.fromEntries(paths.map((path) => [path, throttle])));
    expect(Properties.DefaultRouteSettings).toBeUndefined();
    // The gateway refuses settings of a route that is not there yet.
    const routeIds = Object.entries(templates.readers.toJSON().Resources as Resources)
      .filter(([, { Properties }]) => paths.includes(String(Properties.RouteKey)))
      .map(([id]) => id);
    expect([...(DependsOn ?? [])].sort()).toEqual(routeIds.sort());
    expect(stageOf('usual').Properties.RouteSettings).toBeUndefined();
  });

  it('needs no ingest of ours', () => {
    expect(Object.keys(routesOf('readers-alone')).sort()).toEqual(paths);
  });

  it('is nothing unless it is switched on', () => {
    for (const kind of ['usual', 'container', 'attached'] as const) {
      const descriptions = ofType(kind, 'AWS::Lambda::Function').map(
        ({ Properties }) => Properties.Description,
      );
      expect(descriptions.filter((text) => String(text).includes('readers'))).toEqual([]);
    }
  });

  it('is answered with two secrets and a log, and no right to anything else', () => {
    const { Role } = functionOf('readers', 'readers') as { Role: { 'Fn::GetAtt': [string] } };
    const role = (templates.readers.toJSON().Resources as Resources)[Role['Fn::GetAtt'][0]]!;
    const [policy, ...others] = role.Properties.Policies as {
      PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] };
    }[];
    expect(others).toEqual([]);
    const secret = (name: string) => ({
      'Fn::Join': [
        '',
        [
          'arn:',
          { Ref: 'AWS::Partition' },
          ':secretsmanager:us-east-1:',
          { Ref: 'AWS::AccountId' },
          `:secret:${name}-??????`,
        ],
      ],
    });
    expect(policy!.PolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: { 'Fn::GetAtt': [expect.stringMatching(/^ReaderLog/) as string, 'Arn'] },
      },
      { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: secret('oot/read-token') },
      { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: secret('oot/clickhouse-read') },
    ]);
    // Nor does any other policy name its role.
    expect(ofType('readers', 'AWS::IAM::Policy')).toEqual([]);
  });
});

describe('configuration', () => {
  it.each([
    ['ingest', 'usual', 'callbacks', ingestLambdaConfigSchema],
    ['the replicator', 'usual', 'Mirrors', replicatorLambdaConfigSchema],
    ['the API', 'readers', 'readers', apiLambdaConfigSchema],
  ] as const)('of %s is what it reads, and holds no secret', (_, kind, description, schema) => {
    const { Variables } = functionOf(kind, description).Environment as {
      Variables: Record<string, string>;
    };
    expect(Object.keys(schema.shape)).toEqual(expect.arrayContaining(Object.keys(Variables)));
    for (const [key, value] of Object.entries(Variables)) {
      expect(key).not.toMatch(/PASSWORD|TOKENS$|KEY$/);
      // A name, or what anybody may know.
      expect([
        'oot/relay-token',
        'oot/clickhouse',
        'oot/read-token',
        'oot/clickhouse-read',
        'results',
        'badges',
        'https://grafana.example.org',
      ]).toContain(value);
    }
    // It would start: nothing that is required is missing.
    expect(schema.safeParse(Variables).success).toBe(true);
  });

  it('of the container is what ingest reads, its tokens by reference only', () => {
    const [task] = ofType('container', 'AWS::ECS::TaskDefinition');
    const [container] = task!.Properties.ContainerDefinitions as [
      {
        Environment: { Name: string; Value: string }[];
        Secrets: { Name: string }[];
        ReadonlyRootFilesystem: boolean;
      },
    ];
    expect(container.Environment).toEqual([
      { Name: 'HOST', Value: '0.0.0.0' },
      { Name: 'PORT', Value: '8080' },
      { Name: 'OOT_TABLE', Value: 'results-of-container' },
      { Name: 'TSX_DISABLE_CACHE', Value: '1' },
    ]);
    expect(container.Secrets.map(({ Name }) => Name)).toEqual(['OOT_RELAY_TOKENS']);
    const names = [...container.Environment, ...container.Secrets]
      .map(({ Name }) => Name)
      .filter((name) => name !== 'TSX_DISABLE_CACHE');
    expect(Object.keys(ingestConfigSchema.shape)).toEqual(expect.arrayContaining(names));
    expect(container.ReadonlyRootFilesystem).toBe(true);
  });
});

type Statement = { of: string; effect: string; actions: string[]; resources: unknown[]; principal: unknown };

/** Every statement of every policy in a template, wherever a resource has one. */
function statementsOf(kind: Kind): Statement[] {
  const found: Statement[] = [];
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
  const look = (value: unknown, of: string): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'Statement') {
        for (const { Effect, Action, Resource, Principal } of list(inner) as Record<string, unknown>[]) {
          found.push({
            of,
            effect: String(Effect),
            actions: list(Action) as string[],
            resources: Resource === undefined ? [] : list(Resource),
            principal: Principal,
          });
        }
      } else look(inner, of);
    }
  };
  for (const resource of resourcesOf(kind)) look(resource.Properties, resource.Type);
  return found;
}

describe.each(kinds)('rights in %s', (kind) => {
  const allowed = statementsOf(kind).filter(({ effect }) => effect === 'Allow');

  it('are many enough to be looked at', () => {
    expect(allowed.length).toBeGreaterThan(6);
  });

  it('are named, each action of them', () => {
    expect(allowed.flatMap(({ actions }) => actions).filter((action) => action.includes('*'))).toEqual([]);
  });

  it('are for named resources, where an action knows any', () => {
    const everywhere = allowed.filter(({ resources }) => resources.includes('*'));
    // Logging in to the registry of images is no resource's.
    const known = kind === 'container' ? [['ecr:GetAuthorizationToken']] : [];
    expect(everywhere.map(({ actions }) => actions)).toEqual(known);
  });

  it('are nobody elses', () => {
    expect(allowed.filter(({ principal }) => JSON.stringify(principal ?? '').includes('*'))).toEqual([]);
  });

  it('come from no policy that AWS manages', () => {
    const managed = ofType(kind, 'AWS::IAM::Role').flatMap(
      ({ Properties }) => Properties.ManagedPolicyArns ?? [],
    );
    expect(managed).toEqual([]);
  });
});

it('gives ingest one way to the table, and the replicator none', () => {
  const writing = statementsOf('usual').filter(({ actions }) => actions.includes('dynamodb:UpdateItem'));
  expect(writing.map(({ actions }) => actions)).toEqual([['dynamodb:UpdateItem', 'dynamodb:DescribeTable']]);
});

describe('alarms', () => {
  const of = (kind: Kind) => ofType(kind, 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);
  const replicator = [
    'DroppedEventCount',
    'Errors',
    'IteratorAge',
    'OnFailureDestinationDeliveredEventCount',
    'PolledEventCount',
    'Throttles',
  ];

  it.each([
    ['usual', [...replicator, '5xx', 'Errors', 'Throttles']],
    ['container', [...replicator, 'HTTPCode_ELB_5XX_Count', 'HTTPCode_Target_5XX_Count']],
    ['attached', replicator],
    ['readers', [...replicator, 'IngestServerErrors', 'Errors', 'Throttles', '5xx', 'Errors', 'Throttles']],
    ['readers-alone', [...replicator, '5xx', 'Errors', 'Throttles']],
  ] as const)('of %s watch all that can go wrong', (kind, metrics) => {
    expect(
      of(kind)
        .map(({ MetricName }) => MetricName)
        .sort(),
    ).toEqual([...metrics].sort());
  });

  it.each(kinds)('of %s say what to do, and tell somebody, also when it is over', (kind) => {
    for (const alarm of of(kind)) {
      expect(alarm.AlarmDescription).toMatch(/^\S.{40,}/);
      expect(alarm.AlarmActions).toEqual([{ Ref: expect.stringMatching(/^Alarms/) as string }]);
      expect(alarm.OKActions).toEqual(alarm.AlarmActions);
    }
    templates[kind].hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'oncall@example.org',
    });
  });

  it("count ingest's own 5xx where the API's are the readers', too", () => {
    const [filter, ...others] = ofType('readers', 'AWS::Logs::MetricFilter');
    expect(others).toEqual([]);
    expect(filter!.Properties).toMatchObject({
      LogGroupName: { Ref: expect.stringMatching(/^IngestLog/) as string },
      FilterPattern: '{ ($.msg = "request answered") && ($.status >= 500) }',
      MetricTransformations: [
        {
          MetricNamespace: 'OotCiHealth/oot-ci-health-readers',
          MetricName: 'IngestServerErrors',
          MetricValue: '1',
        },
      ],
    });
    expect(of('readers').find(({ MetricName }) => MetricName === 'IngestServerErrors')).toMatchObject({
      Namespace: 'OotCiHealth/oot-ci-health-readers',
      Statistic: 'Sum',
      Threshold: 1,
    });
    expect(ofType('usual', 'AWS::Logs::MetricFilter')).toEqual([]);
  });

  it('take silence for trouble only where there is always something to hear', () => {
    const loud = of('usual').filter(({ TreatMissingData }) => TreatMissingData === 'breaching');
    expect(loud.map(({ MetricName }) => MetricName)).toEqual(['PolledEventCount']);
  });

  it('watch the mapping by its id', () => {
    const [mappingId] = Object.entries(templates.usual.toJSON().Resources as Resources)
      .filter(([, { Type }]) => Type === 'AWS::Lambda::EventSourceMapping')
      .map(([id]) => id);
    const counts = of('usual').filter(({ MetricName }) => String(MetricName).endsWith('EventCount'));
    for (const { Dimensions } of counts)
      expect(Dimensions).toEqual([{ Name: 'EventSourceMappingUUID', Value: { Ref: mappingId } }]);
    expect(counts.length).toBe(3);
  });
});
