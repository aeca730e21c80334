import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { accessConfigSchema } from '../../clickhouse/access/config';
import { clickHouseConfigSchema } from '../../clickhouse/client';
import { apiConfigSchema } from '../../api/config';
import { awsConfigSchema } from '../../runtime/aws';
import { contactPointKinds, contactPoints } from '../../dashboards/alerts/notifications';
import { config } from '../../dashboards/config';
import { ingestConfigSchema } from '../../ingest/config';
import { localConfigSchema } from '../../local/config';
import { replicatorConfigSchema } from '../../replicator/config';

const root = join(__dirname, '../..');
const readText = (path: string) => readFileSync(join(root, path), 'utf8');
const readYaml = (path: string): unknown => parse(readText(path), { merge: true });

/** The forms that Grafana takes, and drops unknown keys of in silence; here those are errors. */
const fromEnvironment = z.string().regex(/^\$[A-Z_]+$/, 'is not $NAME');
const datasourcesSchema = z.strictObject({
  apiVersion: z.literal(1),
  datasources: z.array(
    z.strictObject({
      name: z.string(),
      uid: z.string(),
      orgId: z.literal(1),
      type: z.string(),
      access: z.literal('proxy'),
      editable: z.literal(false),
      jsonData: z.strictObject({
        host: fromEnvironment,
        port: fromEnvironment,
        protocol: fromEnvironment,
        secure: fromEnvironment,
        username: fromEnvironment,
        defaultDatabase: fromEnvironment,
        dialTimeout: z.string().regex(/^\d+$/),
        queryTimeout: z.string().regex(/^\d+$/),
      }),
      secureJsonData: z.strictObject({ password: fromEnvironment }),
    }),
  ),
});
const providersSchema = z.strictObject({
  apiVersion: z.literal(1),
  providers: z.array(
    z.strictObject({
      name: z.string(),
      orgId: z.literal(1),
      type: z.literal('file'),
      folder: z.string(),
      folderUid: z.string().regex(/^[\w-]{1,40}$/),
      allowUiUpdates: z.literal(false),
      disableDeletion: z.literal(false),
      updateIntervalSeconds: z.int().min(10),
      options: z.strictObject({ path: fromEnvironment, foldersFromFilesStructure: z.literal(false) }),
    }),
  ),
});

const datasources = datasourcesSchema.parse(readYaml('dashboards/provisioning/datasources/oot.yaml'));
const providers = providersSchema.parse(readYaml('dashboards/provisioning/dashboards/oot.yaml'));

/** What has to be set where Grafana runs: it knows no defaults. */
const provisioned = [
  ...new Set(JSON.stringify([datasources, providers]).match(/(?<=\$)[A-Z_]+/g)),
].toSorted();

/** Of contact points, one of which is chosen: a variable that is not set must do no harm in the others. */
const contactVariables = contactPointKinds.map(
  (kind) => /(?<=\$)[A-Z_]+/.exec(JSON.stringify(contactPoints(kind)))![0],
);

describe('provisioning of Grafana', () => {
  it('has the data source of config', () => {
    const { uid, name, type } = config.datasource;
    expect(datasources.datasources).toMatchObject([{ uid, name, type }]);
  });

  it('has one provider, of the folder of config', () => {
    expect(providers.providers).toMatchObject([
      { folder: config.folder.title, folderUid: config.folder.uid },
    ]);
    // Grafana makes that of rules by title and that of dashboards by uid: of one title there would be two.
    expect(config.rulesFolder.title).not.toBe(config.folder.title);
  });

  it('says in its comments what has to be set', () => {
    const comments = ['datasources', 'dashboards']
      .map((kind) => readText(`dashboards/provisioning/${kind}/oot.yaml`))
      .join('\n')
      .match(/^#.*$/gm)
      ?.join('\n');
    for (const name of provisioned) {
      expect([name, comments?.includes(name.replace(/^OOT_CLICKHOUSE(?=_(?:PORT))/, ''))]).toEqual([
        name,
        true,
      ]);
    }
  });
});

const portForm = /^127\.0\.0\.1:\$\{[A-Z_]+:-\d+\}:\d+$/;
const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.literal('.').optional(),
  command: z.union([z.string(), z.array(z.string())]).optional(),
  user: z.string().optional(),
  working_dir: z.string().optional(),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  stop_grace_period: z.literal('30s').optional(),
  tmpfs: z.string().optional(),
  security_opt: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  cap_add: z.array(z.string()).optional(),
  restart: z.enum(['unless-stopped', 'no']),
  profiles: z.array(z.string()).optional(),
  ulimits: z.record(z.string(), z.object({ soft: z.int(), hard: z.int() })).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string().regex(portForm, 'is not a port of 127.0.0.1 with a variable')).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z
    .record(
      z.string(),
      z.strictObject({ condition: z.enum(['service_healthy', 'service_completed_successfully']) }),
    )
    .default({}),
  healthcheck: z
    .strictObject({
      test: z.array(z.string()).min(2),
      interval: z.string(),
      timeout: z.string(),
      retries: z.int(),
      start_period: z.string(),
    })
    .optional(),
});
const composeSchema = z.strictObject({
  name: z.string(),
  'x-app': z.unknown(),
  'x-health': z.unknown(),
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.null()),
});

describe('docker-compose.yml', () => {
  const compose = composeSchema.parse(readYaml('docker-compose.yml'));
  const services = Object.entries(compose.services).map(([name, service]) => ({ name, ...service }));
  const service = (name: string) => compose.services[name]!;

  it('has the services, the demo only when asked for', () => {
    expect(services.filter(({ profiles }) => !profiles).map(({ name }) => name)).toEqual([
      'dynamodb',
      'clickhouse',
      'ingest',
      'access',
      'replicator',
      'api',
      'grafana',
    ]);
    expect(services.filter(({ profiles }) => profiles).map(({ name, profiles }) => [name, profiles])).toEqual(
      [['demo', ['demo']]],
    );
  });

  it('pins every image to a version', () => {
    const images = services.filter(({ build }) => build === undefined).map(({ image }) => image);
    const from = [...readText('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image ?? '');
    expect(from).toHaveLength(1);
    for (const image of [...images, ...from]) expect(image).toMatch(/^[\w./-]+:\d+\.\d+\.\d+[\w.-]*$/);
    expect(service('grafana').image).toMatch(/^grafana\/grafana:12\./);
    expect(service('grafana').environment.GF_PLUGINS_PREINSTALL_SYNC).toBe(
      `${config.datasource.type}@${config.datasource.pluginVersion}`,
    );
  });

  it('waits for what is healthy or done, and only for what can tell', () => {
    for (const { name, depends_on } of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        const { healthcheck, restart } = service(other);
        const canTell = condition === 'service_healthy' ? healthcheck !== undefined : restart === 'no';
        expect([name, other, canTell]).toEqual([name, other, true]);
      }
    }
    expect(Object.keys(service('replicator').depends_on)).toEqual(
      expect.arrayContaining(['ingest', 'dynamodb', 'clickhouse', 'access']),
    );
    expect(Object.keys(service('grafana').depends_on)).toContain('replicator');
  });

  it.each([
    ['ingest', ingestConfigSchema.shape],
    ['access', accessConfigSchema.shape],
    ['replicator', replicatorConfigSchema.shape],
    ['api', apiConfigSchema.shape],
    [
      'demo',
      {
        ...clickHouseConfigSchema.shape,
        ...awsConfigSchema.shape,
        OOT_RELAY_TOKENS: z.string(),
        INGEST_URL: z.string(),
      },
    ],
  ])('sets what %s reads, in the form it takes', (name, shape) => {
    const { environment } = service(name);
    const set = Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [
        key,
        value.replace(/\$\{\w+:\?[^}]*\}/g, 'a-long-secret').replace(/\$\{\w+:-([^}]*)\}/g, '$1'),
      ]),
    );
    expect(z.strictObject(shape).safeParse(set).error?.issues ?? []).toEqual([]);
  });

  it('sets all that the provisioned files read, with a user who may only read', () => {
    const { environment, volumes } = service('grafana');
    expect(
      Object.keys(environment)
        .filter((name) => name.startsWith('OOT_'))
        .toSorted(),
    ).toEqual([...contactVariables, ...provisioned].toSorted());
    expect(environment.OOT_CLICKHOUSE_PROTOCOL).toMatch(/^(native|http)$/);
    // Grafana makes a number of what looks like one, and the plugin breaks on it.
    expect(environment.OOT_CLICKHOUSE_USER).toMatch(/^[a-z]+$/);
    expect(volumes).toEqual([
      'grafana:/var/lib/grafana',
      './dashboards/provisioning:/etc/grafana/provisioning:ro',
      './dashboards/provisioning/contact-points/${OOT_ALERTS_TO:-email}.yaml:/etc/grafana/provisioning/alerting/oot-contact-points.yaml:ro',
      `./dashboards/generated:${environment.OOT_DASHBOARDS_PATH}:ro`,
    ]);
    const access = service('access').environment;
    expect([environment.OOT_CLICKHOUSE_USER, environment.OOT_CLICKHOUSE_PASSWORD]).toEqual([
      access.CLICKHOUSE_READER_USER,
      access.CLICKHOUSE_READER_PASSWORD,
    ]);
    expect(environment.OOT_CLICKHOUSE_DATABASE).toBe(access.CLICKHOUSE_DATABASE);
  });

  it('gives the admin of ClickHouse to nobody but the one who makes tables and users', () => {
    const { CLICKHOUSE_USER: admin, CLICKHOUSE_PASSWORD: secret } = service('clickhouse').environment;
    expect(service('clickhouse').environment.CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT).toBe('1');
    const holders = services.filter(({ environment }) =>
      Object.values(environment).some((value) => value === admin || value === secret),
    );
    expect(holders.map(({ name }) => name)).toEqual(['clickhouse', 'access']);
    const { CLICKHOUSE_WRITER_USER: writer, CLICKHOUSE_WRITER_PASSWORD: password } =
      service('access').environment;
    for (const name of ['replicator', 'demo']) {
      const { CLICKHOUSE_USER, CLICKHOUSE_PASSWORD } = service(name).environment;
      expect([name, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD]).toEqual([name, writer, password]);
    }
  });

  it('has no secret with a default', () => {
    for (const { name, environment } of services) {
      for (const [key, value] of Object.entries(environment)) {
        if (!/PASSWORD|TOKEN|SECRET/.test(key)) continue;
        // That of a mail server, which not everybody has, is nothing unless it is set.
        const form = key === 'GF_SMTP_PASSWORD' ? /^\$\{GF_SMTP_PASSWORD:-\}$/ : /^\$\{[A-Z_]+:\?[^}]+\}$/;
        expect([name, key, form.test(value)]).toEqual([name, key, true]);
      }
    }
    expect(service('grafana').environment).not.toHaveProperty('GF_AUTH_ANONYMOUS_ENABLED');
  });

  it('can send the e-mail that is the default, with links that lead to it', () => {
    const { environment } = service('grafana');
    for (const key of ['ENABLED', 'HOST', 'USER', 'PASSWORD', 'FROM_ADDRESS'])
      expect(environment[`GF_SMTP_${key}`]).toMatch(new RegExp(`^\\$\\{GF_SMTP_${key}:-(false)?\\}$`));
    expect(environment.GF_SERVER_ROOT_URL).toMatch(/^\$\{GF_SERVER_ROOT_URL:-http:/);
  });

  it('keeps data in named volumes, and opens no two services on one port', () => {
    const named = services.flatMap(({ volumes }) => volumes.filter((volume) => !volume.startsWith('.')));
    expect(named.map((volume) => volume.split(':')[0]).toSorted()).toEqual(
      Object.keys(compose.volumes).toSorted(),
    );
    const mounted = services.flatMap(({ volumes }) => volumes.filter((volume) => volume.startsWith('.')));
    expect(mounted.filter((volume) => !volume.endsWith(':ro'))).toEqual([]);
    const ports = services.flatMap(({ ports }) => ports);
    expect(ports).toEqual([...new Set(ports)]);
    const variables = ports.map((port) => /\{(\w+)/.exec(port)?.[1] ?? '');
    expect(variables.filter((name) => !(name in localConfigSchema.shape))).toEqual([]);
  });
});

describe('Dockerfile', () => {
  const lines = readText('Dockerfile').split('\n');

  it('does not run as root, and installs what is locked without what is for development', () => {
    expect(lines.findIndex((line) => line === 'USER node')).toBeGreaterThan(
      lines.findLastIndex((line) => /^(RUN|COPY)/.test(line)),
    );
    expect(lines.join('\n')).toMatch(/npm ci --omit=dev /);
  });

  it('copies only what .dockerignore lets through', () => {
    const allowed = readText('.dockerignore').match(/(?<=^!).+$/gm) ?? [];
    const copied = lines.flatMap((line) => /^COPY (.+) \S+$/.exec(line)?.[1]?.split(' ') ?? []);
    expect(copied.toSorted()).toEqual(allowed.toSorted());
  });
});
