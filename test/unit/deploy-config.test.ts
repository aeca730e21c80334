import { environments } from '../../deploy/config';
import { parseEnvironments, type EnvironmentInput } from '../../deploy/config-schema';

const usable = {
  region: 'us-east-1',
  table: { kind: 'own', name: 'results' },
  secrets: { relayTokens: 'oot/relay-token', clickHouse: 'oot/clickhouse' },
  ingest: { kind: 'lambda' },
} as const satisfies EnvironmentInput;

const streamArn = 'arn:aws:dynamodb:us-east-1:123456789012:table/results/stream/2026-11-20T10:00:00.123';
const api = {
  kind: 'lambda',
  secrets: { readTokens: 'oot/read-token', clickHouse: 'oot/clickhouse-read' },
};
const existing = { kind: 'existing', name: 'results', streamArn };
const container = {
  kind: 'container',
  certificateArn: 'arn:aws:acm:us-east-1:123456789012:certificate/0f2e3c4b',
  availabilityZones: ['us-east-1a', 'us-east-1b'],
};

it('takes what is written in config.ts', () => {
  expect(Object.keys(parseEnvironments(environments))).toEqual(['staging', 'production']);
});

it('fills in what was left out', () => {
  expect(parseEnvironments({ staging: usable })).toEqual({
    staging: {
      ...usable,
      ingest: { kind: 'lambda', memoryMb: 1024 },
      api: { kind: 'none' },
      replicator: {
        batchSize: 1000,
        batchWindowSeconds: 5,
        parallelizationFactor: 1,
        maxRecordAgeHours: 12,
        memoryMb: 512,
      },
      alarms: { iteratorAgeMinutes: 10 },
      terminationProtection: true,
    },
  });
});

it('fills in what was left out of the API, which is answered to nobody without a token', () => {
  const input = { staging: { ...usable, api } } as Record<string, EnvironmentInput>;
  expect(parseEnvironments(input).staging?.api).toEqual({
    ...api,
    public: 'none',
    requestsPerSecond: 10,
    burst: 20,
    memoryMb: 1024,
  });
});

const bad: [string, object, string][] = [
  ['no region', { region: undefined }, 'staging.region: is required: a region, such as us-east-1'],
  ['a zone for a region', { region: 'us-east-1a' }, 'staging.region: must be a region, such as us-east-1'],
  ['an account with a letter', { account: '12345678901x' }, 'staging.account: must be an account: 12 digits'],
  ['an unknown field', { tabel: {} }, 'staging: Unrecognized key: "tabel"'],
  [
    'a table of no kind',
    { table: { name: 'results' } },
    'staging.table.kind: must be { kind: "own" | "existing", ... }',
  ],
  [
    'a table with a slash',
    { table: { kind: 'own', name: 'a/b' } },
    "staging.table.name: must be a DynamoDB table's name",
  ],
  [
    'an existing table without its stream',
    { table: { kind: 'existing', name: 'results' } },
    "staging.table.streamArn: is required: the ARN of the table's stream",
  ],
  [
    "a table's ARN for its stream's",
    { table: { ...existing, streamArn: 'arn:aws:dynamodb:us-east-1:123456789012:table/results' } },
    'staging.table.streamArn: must be a stream of the table results',
  ],
  [
    'a stream of another table',
    { table: { ...existing, name: 'result' } },
    'staging.table.streamArn: must be a stream of the table result',
  ],
  [
    'a stream of another region',
    { table: existing, region: 'eu-west-1' },
    'staging.table.streamArn: must be in eu-west-1: Lambda reads streams of its own region only',
  ],
  [
    'a stream of another account',
    { table: existing, account: '210987654321' },
    'staging.table.streamArn: must be in the account 210987654321',
  ],
  [
    'a key where something writes',
    { table: { ...existing, kmsKeyArn: 'arn:aws:kms:us-east-1:123456789012:key/1' } },
    'staging.table.kmsKeyArn: only where ingest.kind is none',
  ],
  [
    "a secret's ARN",
    { secrets: { ...usable.secrets, relayTokens: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:a' } },
    'staging.secrets.relayTokens: must be the name of a secret in Secrets Manager, not its ARN',
  ],
  [
    "a secret whose name ends as Secrets Manager's own suffix",
    { secrets: { ...usable.secrets, clickHouse: 'oot-secret' } },
    'staging.secrets.clickHouse: must not end in a hyphen and six letters or digits',
  ],
  [
    'ingest of no kind',
    { ingest: {} },
    'staging.ingest.kind: must be { kind: "lambda" | "container" | "none", ... }',
  ],
  [
    'a container without TLS',
    { ingest: { ...container, certificateArn: undefined } },
    'staging.ingest.certificateArn: is required: the ARN of an ACM certificate',
  ],
  [
    'a container in one zone',
    { ingest: { ...container, availabilityZones: ['us-east-1a'] } },
    'staging.ingest.availabilityZones: ',
  ],
  ['an API of no kind', { api: {} }, 'staging.api.kind: must be { kind: "lambda" | "none", ... }'],
  [
    'an API without its secrets',
    { api: { ...api, secrets: {} } },
    'staging.api.secrets.readTokens: is required: the name of a secret in Secrets Manager',
  ],
  [
    "an API with the replicator's account",
    { api: { ...api, secrets: { ...api.secrets, clickHouse: 'oot/clickhouse' } } },
    "staging.api.secrets.clickHouse: is the replicator's, whose account may write",
  ],
  [
    "an API with the relay's tokens",
    { api: { ...api, secrets: { ...api.secrets, readTokens: 'oot/relay-token' } } },
    "staging.api.secrets.readTokens: is the relay's: who may read would be able to write",
  ],
  [
    'an API that is public in part',
    { api: { ...api, public: 'prs' } },
    'staging.api.public: must be "none", "badges" or "all"',
  ],
  [
    'an API that is not throttled',
    { api: { ...api, requestsPerSecond: 0 } },
    'staging.api.requestsPerSecond: must be a whole number from 1 to 1000',
  ],
  [
    'an age that the stream does not outlive',
    { replicator: { maxRecordAgeHours: 24 } },
    'staging.replicator.maxRecordAgeHours: must be a whole number from 1 to 20',
  ],
  [
    'a factor of 11',
    { replicator: { parallelizationFactor: 11 } },
    'staging.replicator.parallelizationFactor: must be a whole number from 1 to 10',
  ],
  [
    'an address that is none',
    { alarms: { email: 'somebody' } },
    'staging.alarms.email: must be an e-mail address',
  ],
];

it.each(bad)('refuses %s, and names the field', (_, change, message) => {
  const input = { staging: { ...usable, ...change } } as unknown as Record<string, EnvironmentInput>;
  expect(() => parseEnvironments(input)).toThrow('deploy/config.ts is not usable:\n');
  expect(() => parseEnvironments(input)).toThrow(message);
});

it('names every bad field at once', () => {
  const input = {
    staging: { ...usable, region: 'x', alarms: { email: 'x' } },
    production: { ...usable, table: { kind: 'own', name: '' } },
  } as const;
  expect(() => parseEnvironments(input)).toThrow(
    /staging\.region: .*\n {2}staging\.alarms\.email: .*\n {2}production\.table\.name: /,
  );
});

it('refuses two environments with one table', () => {
  expect(() => parseEnvironments({ staging: usable, production: usable })).toThrow(
    'production.table.name: is the table of staging, too',
  );
});

it('refuses a name that no stack can have', () => {
  expect(() => parseEnvironments({ 'The Staging': usable })).toThrow('The Staging');
});
