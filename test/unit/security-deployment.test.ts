import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/* What provisioning.test.ts does not ask: that no container has more rights than it needs. */

type Service = Record<string, unknown> & {
  security_opt?: string[];
  cap_drop?: string[];
  cap_add?: string[];
  user?: string;
  volumes?: string[];
};

const text = readFileSync(join(__dirname, '../../docker-compose.yml'), 'utf8');
const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
const cases = Object.entries(services).map(([name, service]) => ({ name, service }));

describe.each(cases)('the service $name', ({ name, service }) => {
  it('can gain no privilege, and is given none', () => {
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    for (const key of [
      'privileged',
      'devices',
      'pid',
      'ipc',
      'network_mode',
      'userns_mode',
      'cgroup_parent',
    ]) {
      expect([key, service[key]]).toEqual([key, undefined]);
    }
    expect(JSON.stringify(service.volumes ?? [])).not.toContain('docker.sock');
  });

  it('has no capability but those it is known to need', () => {
    // ClickHouse's image starts as root, makes its directories its own, and then becomes `clickhouse`.
    if (name === 'clickhouse') return;
    expect(service.cap_drop).toEqual(['ALL']);
    // Root only because a new volume is root's; it may read the image's files, and nothing else.
    expect(service.cap_add ?? []).toEqual(name === 'dynamodb' ? ['DAC_OVERRIDE'] : []);
  });

  it('is root nowhere but where its volume is', () => {
    expect(service.user).toBe(name === 'dynamodb' ? 'root' : undefined);
  });
});

it('keeps the file system of our own images read-only', () => {
  for (const { service } of cases.filter(({ service }) => service.build !== undefined))
    expect(service.read_only).toBe(true);
});
