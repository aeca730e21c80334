import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseAllowlist } from '../../clickhouse/backends';
import { createGrafana } from '../../dashboards/push/client';
import { connectionFrom, removeConfigSchema } from '../../dashboards/push/config';
import { backends } from '../../local/demo/backends';
import { readConfig } from '../../runtime/env';
import { exitWith } from '../../runtime/shutdown';
import { alertTimeoutsMs } from './alert';
import { smokeStack } from './stack';

/*
 * npm run test:smoke: asks the Grafana of GRAFANA_URL and what is behind it, with the demo loaded, as
 * `docker compose --profile demo up -d --wait` leaves it. Takes some eight minutes, most of which an alert rule waits.
 */
const schema = removeConfigSchema.safeExtend({
  INGEST_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:8080'),
  OOT_RELAY_TOKENS: z
    .string({ error: 'is required: the tokens that ingest takes' })
    .transform((tokens) => tokens.split(',')[0]?.trim() ?? ''),
});

async function main(): Promise<void> {
  const config = readConfig(schema, process.env);
  const allowlist = parseAllowlist(await readFile(join(__dirname, '../../local/demo/allowlist.yml'), 'utf8'));
  // The demo sends nothing more of this one.
  const silent = backends.find(({ fate }) => fate === 'silent')?.repo;
  const subject = allowlist.find(({ repo }) => repo === silent);
  if (!subject) throw new Error('the demo has no registered backend that is silent');
  await smokeStack(
    {
      grafana: createGrafana(connectionFrom(config)),
      ingest: { url: config.INGEST_URL, token: config.OOT_RELAY_TOKENS },
      say: (line) => void process.stdout.write(`${line}\n`),
      pollMs: 5_000,
      timeoutsMs: { data: 240_000, ...alertTimeoutsMs() },
    },
    subject,
  );
  process.stdout.write('Everything holds\n');
}

main().catch(exitWith);
