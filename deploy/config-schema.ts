import { z } from 'zod';
import { ConfigError, parseConfig } from '../runtime/env';

const name = (what: string) =>
  z
    .string({ error: `is required: ${what}` })
    .regex(/^[\w.-]{3,255}$/, `must be ${what}: letters, digits, ".", "_", "-"`);
const secretName = z
  .string({ error: 'is required: the name of a secret in Secrets Manager' })
  .regex(/^[\w/+=.@-]{1,512}$/, 'must be the name of a secret in Secrets Manager, not its ARN')
  // Secrets Manager adds a hyphen and six characters to a name, so such a name could match another one's ARN.
  .refine((value) => !/-[A-Za-z0-9]{6}$/.test(value), 'must not end in a hyphen and six letters or digits');
const arn = (service: string, what: string) =>
  z
    .string({ error: `is required: ${what}` })
    .regex(new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]+:\\d{12}:\\S+$`), `must be ${what}`);
const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

/** A table of ours, kept when the stack goes, or somebody else's, of which only the stream is read. */
const tableSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('own'), name: name("a DynamoDB table's name") }),
    z.strictObject({
      kind: z.literal('existing'),
      name: name("a DynamoDB table's name"),
      streamArn: arn(
        'dynamodb',
        "the ARN of the table's stream (aws dynamodb describe-table, LatestStreamArn)",
      ),
      /** Where the table is encrypted with a key of the account's own. */
      kmsKeyArn: arn('kms', 'the ARN of a KMS key').optional(),
    }),
  ],
  { error: 'must be { kind: "own" | "existing", ... }' },
);

/** How callbacks come in. */
const ingestSchema = z.discriminatedUnion(
  'kind',
  [
    /** Nobody's: somebody else writes into the table. */
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({
      kind: z.literal('lambda'),
      /** MB. Decides the share of the processor, too: 1,769 are one. */
      memoryMb: whole(256, 3_008).default(1_024),
    }),
    z.strictObject({
      kind: z.literal('container'),
      /** Of the name under which the relay will call the load balancer. */
      certificateArn: arn('acm', 'the ARN of an ACM certificate in the same region'),
      tasks: whole(1, 20).default(2),
      /** Zones of the network that is made. Named, since looking them up needs the account. */
      availabilityZones: z.array(z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'must be a zone')).min(2),
    }),
  ],
  { error: 'must be { kind: "lambda" | "container" | "none", ... }' },
);

/** The API that readers ask (`api/`): results of a PR, badges. */
const apiSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({
      kind: z.literal('lambda'),
      secrets: z.strictObject({
        readTokens: secretName,
        /** Of the account that may only read. */
        clickHouse: secretName,
      }),
      /** What is answered without a token; a README can't send one. */
      public: z.enum(['none', 'badges', 'all'], 'must be "none", "badges" or "all"').default('none'),
      /** Where links lead. */
      grafanaUrl: z.url({ protocol: /^https?$/, error: 'must be a URL' }).optional(),
      /**
       * What the gateway lets through of each of the two routes, of all clients together. The API itself counts for
       * each client, but every instance for itself; this bounds them all (a target, to the gateway, and no ceiling:
       * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html). A look-up may take
       * 8 s, so some 8 × this run at once for either route, beside ingest and out of the same account's room.
       */
      requestsPerSecond: whole(1, 1_000).default(10),
      /** So many may come at one moment. */
      burst: whole(1, 1_000).default(20),
      /** MB. */
      memoryMb: whole(256, 3_008).default(1_024),
    }),
  ],
  { error: 'must be { kind: "lambda" | "none", ... }' },
);

const replicatorSchema = z.strictObject({
  /** Records a batch. DynamoDB gives at most 1,000 a read; ClickHouse wants few inserts and large ones. */
  batchSize: whole(1, 10_000).default(1_000),
  /** Seconds that a batch may wait to become larger, out of the 60 in which a result should be visible. */
  batchWindowSeconds: whole(0, 300).default(5),
  /**
   * Batches of a shard at once. Changes of one item stay in order at any factor. At 1 a shard does some 1,000
   * changes a second, far more than all backends send, and more at once only means more and smaller inserts.
   */
  parallelizationFactor: whole(1, 10).default(1),
  /**
   * Hours for which a batch is tried before it goes to the failure bucket. Less than the stream's 24: what the stream
   * itself forgets is gone, and goes nowhere. 12 outlast a night without anybody, and leave 12 for the rest of a
   * backlog to be read.
   */
  maxRecordAgeHours: whole(1, 20).default(12),
  /** MB. */
  memoryMb: whole(256, 3_008).default(512),
});

const alarmsSchema = z.strictObject({
  /** Who is told. Nobody, if unset: the topic is there, and can be subscribed to. */
  email: z.email('must be an e-mail address').optional(),
  /** Minutes that the oldest change may wait. */
  iteratorAgeMinutes: whole(1, 1_440).default(10),
});

const environmentSchema = z
  .strictObject({
    /** Where set, deploying to any other account is refused. */
    account: z
      .string()
      .regex(/^\d{12}$/, 'must be an account: 12 digits')
      .optional(),
    region: z
      .string({ error: 'is required: a region, such as us-east-1' })
      .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region, such as us-east-1'),
    table: tableSchema,
    secrets: z.strictObject({ relayTokens: secretName, clickHouse: secretName }),
    ingest: ingestSchema,
    /** Off unless it is asked for. */
    api: apiSchema.prefault({ kind: 'none' }),
    replicator: replicatorSchema.prefault({}),
    alarms: alarmsSchema.prefault({}),
    /** Refuses to delete the stack. Table, bucket and logs stay in any case. */
    terminationProtection: z.boolean().default(true),
  })
  .superRefine(({ api, secrets }, context) => {
    if (api.kind !== 'lambda') return;
    const { readTokens, clickHouse } = api.secrets;
    const complain = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: ['api', 'secrets', field], message });
    if (readTokens === secrets.relayTokens)
      complain('readTokens', "is the relay's: who may read would be able to write");
    if (clickHouse === secrets.clickHouse)
      complain('clickHouse', "is the replicator's, whose account may write");
  })
  .superRefine(({ table, region, account, ingest }, context) => {
    if (table.kind !== 'existing') return;
    if (table.kmsKeyArn !== undefined && ingest.kind !== 'none') {
      const message = 'only where ingest.kind is none: ingest is given no rights on a key';
      context.addIssue({ code: 'custom', path: ['table', 'kmsKeyArn'], message });
    }
    const [, , , streamRegion, streamAccount, resource] = table.streamArn.split(':');
    const complain = (message: string) =>
      context.addIssue({ code: 'custom', path: ['table', 'streamArn'], message });
    if (!resource?.startsWith(`table/${table.name}/stream/`))
      complain(`must be a stream of the table ${table.name}`);
    if (streamRegion !== region)
      complain(`must be in ${region}: Lambda reads streams of its own region only`);
    if (account !== undefined && streamAccount !== account) complain(`must be in the account ${account}`);
  });

/** One place to deploy to, with every default filled in. */
export type Environment = z.output<typeof environmentSchema>;

/** As it is written in `config.ts`. */
export type EnvironmentInput = z.input<typeof environmentSchema>;

/** Checks the environments. Throws a ConfigError that names every bad field at once: `staging.table.streamArn: ...`. */
export function parseEnvironments(
  environments: Record<string, EnvironmentInput>,
): Record<string, Environment> {
  const keys = z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be lower case letters, digits and hyphens: it names the stack');
  const parsed = parseConfig(z.record(keys, environmentSchema), environments, 'deploy/config.ts');
  // Two stacks that own one table, or put two environments' records into one, are an accident.
  const owners = new Map<string, string>();
  for (const [environment, { table, account, region }] of Object.entries(parsed)) {
    const place = `${account ?? ''}/${region}/${table.name}`;
    const other = owners.get(place);
    if (other) {
      throw new ConfigError(
        `deploy/config.ts is not usable:\n  ${environment}.table.name: is the table of ${other}, too`,
      );
    }
    owners.set(place, environment);
  }
  return parsed;
}
