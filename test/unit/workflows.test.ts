import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/* What GitHub runs. It reads workflows only once they are pushed, and takes no notice of a script that is not there. */

const root = join(__dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const directory = '.github/workflows';

const permissionsSchema = z.record(z.string(), z.enum(['read', 'write', 'none']));
const stepSchema = z
  .strictObject({
    id: z.string().optional(),
    name: z.string().optional(),
    if: z.enum(['failure()', 'always()']).optional(),
    uses: z.string().optional(),
    run: z.string().optional(),
    with: z.record(z.string(), z.union([z.string(), z.boolean(), z.number()])).optional(),
    env: z.record(z.string(), z.string()).optional(),
  })
  .refine(({ uses, run }) => (uses === undefined) !== (run === undefined), { error: 'uses or run' });
const jobSchema = z.strictObject({
  name: z.string().optional(),
  needs: z.union([z.string(), z.array(z.string())]).optional(),
  'runs-on': z.string().optional(),
  'timeout-minutes': z.int().positive().max(60).optional(),
  permissions: permissionsSchema.optional(),
  strategy: z
    .strictObject({ 'fail-fast': z.boolean(), matrix: z.record(z.string(), z.array(z.string())) })
    .optional(),
  env: z.record(z.string(), z.string()).optional(),
  services: z
    .record(z.string(), z.strictObject({ image: z.string(), ports: z.array(z.string()) }))
    .optional(),
  steps: z.array(stepSchema).optional(),
  uses: z.string().optional(),
});
const workflowSchema = z.strictObject({
  name: z.string(),
  on: z.record(z.string(), z.unknown()),
  permissions: permissionsSchema,
  concurrency: z.strictObject({
    group: z.string(),
    'cancel-in-progress': z.union([z.boolean(), z.string()]),
  }),
  defaults: z.strictObject({ run: z.strictObject({ shell: z.literal('bash') }) }),
  jobs: z.record(z.string(), jobSchema),
});

const files = readdirSync(join(root, directory)).toSorted();
const workflows = files.map((file) => {
  const text = read(`${directory}/${file}`);
  return { file, text, ...workflowSchema.parse(parse(text)) };
});
const named = (file: string) => workflows.find((one) => one.file === file)!;
const jobs = workflows.flatMap(({ file, jobs: own }) =>
  Object.entries(own).map(([id, job]) => ({ ...job, file, id })),
);
const steps = jobs.flatMap(({ file, id, steps: own = [] }) => own.map((step) => ({ file, id, ...step })));
const runs = steps.flatMap(({ file, id, run }) => (run === undefined ? [] : [{ file, id, run }]));
const packageJson = JSON.parse(read('package.json')) as {
  engines: { node: string };
  scripts: Record<string, string>;
};
type Compose = {
  services: Record<string, { profiles?: string[]; environment?: Record<string, string>; ports?: string[] }>;
};
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;

describe('every workflow', () => {
  it('is one of two', () => {
    expect(files).toEqual(['ci.yml', 'release.yml']);
  });

  it('may read the code and no more, except for the job that publishes', () => {
    for (const { permissions } of workflows) expect(permissions).toEqual({ contents: 'read' });
    const more = jobs.filter(({ permissions }) => permissions !== undefined);
    expect(more.map(({ file, id, permissions }) => [file, id, permissions])).toEqual([
      ['release.yml', 'publish', { contents: 'write', packages: 'write' }],
    ]);
  });

  it('ends each job in time, on a runner of a fixed version', () => {
    for (const job of jobs) {
      if (job.uses !== undefined) continue;
      expect([job.id, job['timeout-minutes'] !== undefined]).toEqual([job.id, true]);
      expect([job.id, job['runs-on']]).toEqual([job.id, expect.stringMatching(/^ubuntu-\d\d\.04$/)]);
    }
  });

  it('pins every action to a commit, says its version, and means the same by both everywhere', () => {
    const used = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (\S+)(.*)$/gm)]);
    expect(used.length).toBeGreaterThanOrEqual(10);
    const pins = new Map<string, string>();
    for (const [, action = '', comment = ''] of used) {
      if (action.startsWith('./')) {
        expect([action, existsSync(join(root, action))]).toEqual([action, true]);
        continue;
      }
      expect(`${action}${comment}`).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      const [name = '', pin = ''] = `${action}${comment}`.split('@');
      expect([name, pins.get(name) ?? pin]).toEqual([name, pin]);
      pins.set(name, pin);
    }
  });

  it('pins the image of each service', () => {
    for (const { services = {} } of jobs) {
      for (const { image, ports } of Object.values(services)) {
        expect(image).toMatch(/:\d+\.\d+\.\d+$/);
        for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
      }
    }
  });

  it('leaves no credential of the checkout behind', () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts.length).toBeGreaterThanOrEqual(4);
    for (const step of checkouts) expect(step.with).toEqual({ 'persist-credentials': false });
  });

  it('puts no expression into a script, where a name of a branch could be code', () => {
    expect(runs.filter(({ run }) => run.includes('${{'))).toEqual([]);
  });

  it('gives a secret to a login alone, and prints none', () => {
    const secrets = workflows.flatMap(({ text }) => text.match(/.*\bsecrets\..*/g) ?? []);
    expect(secrets.map((line) => line.trim())).toEqual(['password: ${{ secrets.GITHUB_TOKEN }}']);
    const printed = runs.flatMap(({ run }) => run.match(/^.*\b(?:echo|printf|cat)\b.*$/gm) ?? []);
    // Into a file of the runner or the notes, or as the command that hides it in the log.
    for (const line of printed) {
      expect([line, /::add-mask::|>> "\$GITHUB_(?:ENV|OUTPUT)"|>> notes\.md$/.test(line)]).toEqual([
        line,
        true,
      ]);
    }
    expect(runs.filter(({ run }) => /\bset -x\b|\bprintenv\b|^env$/m.test(run))).toEqual([]);
    const [making] = runs.filter(({ run }) => run.includes('openssl rand'));
    expect(making?.run.indexOf('::add-mask::')).toBeLessThan(making?.run.indexOf('GITHUB_ENV') ?? 0);
  });

  it('runs only what is there', () => {
    const text = runs.map(({ run }) => run).join('\n');
    const scripts = [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = '']) => name);
    expect(scripts.toSorted()).toEqual(['release-notes', 'test:grafana', 'test:smoke']);
    expect(scripts.filter((name) => !(name in packageJson.scripts))).toEqual([]);
    expect(text).toContain('.ci/run');
    expect(existsSync(join(root, '.ci/run'))).toBe(true);
  });

  it('waits only for jobs that are there', () => {
    for (const { jobs: own } of workflows) {
      for (const { needs = [] } of Object.values(own)) {
        for (const other of [needs].flat()) expect(Object.keys(own)).toContain(other);
      }
    }
  });
});

describe('ci.yml', () => {
  const { on, jobs: own, concurrency } = named('ci.yml');

  it('runs for what is pushed to main and for each pull request, and stops what a newer push replaces', () => {
    expect(on).toEqual({ push: { branches: ['main'] }, pull_request: null, workflow_call: null });
    expect(concurrency).toEqual({
      group: 'ci-${{ github.ref }}',
      'cancel-in-progress': "${{ github.event_name == 'pull_request' }}",
    });
  });

  it("checks on the lowest Node that may be, on the image's, and on the current LTS, with Java", () => {
    const { strategy, steps: ofCheck = [] } = own.check!;
    const lowest = /^>=(\d+\.\d+)$/.exec(packageJson.engines.node)?.[1];
    const ofImage = /^FROM node:([\d.]+)-/m.exec(read('Dockerfile'))?.[1];
    expect(strategy?.matrix).toEqual({ node: [lowest, ofImage, 'lts/*'] });
    const uses = ofCheck.map((step) => step.uses?.split('@')[0] ?? step.run);
    expect(uses).toEqual(['actions/checkout', 'actions/setup-node', 'actions/setup-java', '.ci/run']);
  });

  it('starts the compose stack with what it asks for, and asks it at its own addresses', () => {
    const { env = {}, steps: ofCompose = [] } = own.compose!;
    const profiles = Object.values(compose.services).flatMap((service) => service.profiles ?? []);
    expect(profiles).toContain(env.COMPOSE_PROFILES);
    const portOf = (service: string) => /:-(\d+)\}/.exec(compose.services[service]?.ports?.[0] ?? '')?.[1];
    expect(env).toMatchObject({
      GRAFANA_URL: `http://127.0.0.1:${portOf('grafana')}`,
      INGEST_URL: `http://127.0.0.1:${portOf('ingest')}`,
      GRAFANA_USER: 'admin',
    });
    const wanted = [...read('docker-compose.yml').matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
    const script = ofCompose.map(({ run = '' }) => run).join('\n');
    const made = /for name in ([\w ]+);/.exec(script)?.[1]?.split(' ') ?? [];
    expect(made.toSorted()).toEqual([...new Set(wanted)].toSorted());
    const order = [
      'up --build --detach --wait',
      'test:smoke',
      'test:grafana',
      'logs --no-color',
      'down --volumes',
    ];
    const places = order.map((part) => ofCompose.findIndex(({ run }) => run?.includes(part)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(ofCompose.at(-1)?.if).toBe('always()');
    expect(ofCompose.filter((step) => step.if === 'failure()')).toHaveLength(2);
  });

  it('builds the image with SBOM and provenance, and publishes nothing', () => {
    const build = own.image!.steps?.find(({ uses }) => uses?.startsWith('docker/build-push-action@'));
    expect(build?.with).toEqual({
      context: '.',
      push: true,
      tags: 'localhost:5000/oot-ci-health:ci',
      sbom: true,
      provenance: 'mode=max',
    });
    expect(JSON.stringify(own)).not.toContain('ghcr.io');
  });
});

describe('release.yml', () => {
  const { on, jobs: own } = named('release.yml');

  it('runs for a tag of a version, and publishes after the notes and all of CI', () => {
    expect(on).toEqual({ push: { tags: ['v*'] } });
    expect(own.ci).toEqual({ needs: 'notes', uses: './.github/workflows/ci.yml' });
    expect(own.publish?.needs).toEqual(['notes', 'ci']);
  });

  it('takes the notes from the changelog, by the tag', () => {
    const made = own.notes?.steps?.map(({ run }) => run) ?? [];
    expect(made).toContain('npm run --silent release-notes -- "$GITHUB_REF_NAME" > notes.md');
    const [up, down] = [own.notes, own.publish].map((job) =>
      job?.steps?.find((step) => step.uses?.includes('load-artifact@')),
    );
    expect([up?.with?.name, down?.with?.name]).toEqual(['notes', 'notes']);
    expect(own.publish?.steps?.at(-1)?.run).toContain('--notes-file notes.md');
  });

  it('publishes the image with SBOM and provenance', () => {
    const build = own.publish!.steps?.find(({ uses }) => uses?.startsWith('docker/build-push-action@'));
    expect(build?.with).toMatchObject({ push: true, sbom: true, provenance: 'mode=max' });
    expect(own.publish!.steps?.at(-1)?.run).toContain('sbom.spdx.json');
  });
});
