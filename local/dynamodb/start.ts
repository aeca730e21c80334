import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../runtime/logger';
import { spawnEngine, type EngineProcess, type Exit } from './engine-process';
import {
  EngineUnavailableError,
  findDynamoDbLocal,
  findDynoxide,
  type EmbeddedEngine,
  type EngineProgram,
  type Found,
} from './engines';
import { claimPort } from './ports';

const defaultReadyTimeoutMs = 30_000;
const readyPollMs = 30;

/** The file that each engine keeps its tables in. They don't read each other's. */
const dataFiles = { 'dynamodb-local': 'shared-local-instance.db', dynoxide: 'dynoxide.db' } as const;

export type EmbeddedDynamoDbOptions = {
  /** `auto`: DynamoDB Local where a Java that can run it is found, else dynoxide. */
  engine: 'auto' | EmbeddedEngine;
  /** 0 picks a free one. */
  port: number;
  /** Made if it isn't there. Null keeps everything in memory. One process a directory. */
  dataDir: string | null;
  logger: Logger;
  /** How long the engine may take until it answers; 30 s unless told. */
  readyTimeoutMs?: number;
};

/** A DynamoDB that answers on 127.0.0.1 and on no other address. Any credentials and region see the same tables. */
export type EmbeddedDynamoDb = {
  engine: EmbeddedEngine;
  endpoint: string;
  port: number;
  pid: number;
  /** Resolves when the engine has ended, asked to or not; never rejects. */
  exited: Promise<Exit>;
  /** SIGTERM, and SIGKILL after 5 s. Resolves when it has ended; may be called again. */
  stop: () => Promise<void>;
  /** SIGKILL, at once: what a crash looks like. */
  kill: () => void;
};

/** The engine ended, or didn't answer in time. `message` has its last lines. */
export class EngineStartError extends Error {
  override readonly name = 'EngineStartError';
  readonly code = 'ENGINE_START';
}

/**
 * Starts DynamoDB on this machine, without Docker, and resolves when it answers.
 *
 * Takes about 1.5 s with DynamoDB Local and 50 ms with dynoxide. DynamoDB Local ends when this process does,
 * kill -9 included; dynoxide too on Linux with util-linux, where it ends with the thread that called this.
 *
 * Throws PortUnavailableError (code EADDRINUSE), {@link EngineUnavailableError}, {@link EngineStartError}.
 */
export async function startEmbeddedDynamoDb(options: EmbeddedDynamoDbOptions): Promise<EmbeddedDynamoDb> {
  const { dataDir, logger, readyTimeoutMs = defaultReadyTimeoutMs } = options;
  const { engine, program } = await chooseEngine(options.engine, logger);
  const port = await claimPort(options.port);
  if (dataDir !== null) {
    await mkdir(dataDir, { recursive: true });
    warnOfOtherEngine(engine, dataDir, logger);
  }

  const startedAtMs = Date.now();
  const child = await spawnEngine(program, engineArgs(engine, port, dataDir));
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await waitUntilReady(child, endpoint, readyTimeoutMs);
  } catch (error) {
    await child.stop();
    throw error;
  }
  child.forgetStderr();
  const { pid, exited, stop, kill } = child;
  logger.info({ engine, port, pid, dataDir, startMs: Date.now() - startedAtMs }, 'DynamoDB is ready');
  return { engine, endpoint, port, pid, exited, stop, kill };
}

async function chooseEngine(
  wanted: EmbeddedDynamoDbOptions['engine'],
  logger: Logger,
): Promise<{ engine: EmbeddedEngine; program: EngineProgram }> {
  if (wanted !== 'auto') {
    const found = await find(wanted);
    if (found.ok) return { engine: wanted, program: found.value };
    const other = wanted === 'dynoxide' ? 'dynamodb-local' : 'dynoxide';
    const instead = await find(other);
    throw new EngineUnavailableError(
      `${wanted} can't be used: ${found.reason}. ` +
        (instead.ok ? `${other} can be used here.` : `Nor can ${other}: ${instead.reason}.`),
    );
  }
  const amazons = await findDynamoDbLocal();
  if (amazons.ok) return { engine: 'dynamodb-local', program: amazons.value };
  const small = await findDynoxide();
  if (!small.ok) {
    throw new EngineUnavailableError(
      `No embedded DynamoDB can be used. dynamodb-local: ${amazons.reason}. dynoxide: ${small.reason}.`,
    );
  }
  logger.warn({ reason: amazons.reason }, 'Using dynoxide, since DynamoDB Local can not run here');
  return { engine: 'dynoxide', program: small.value };
}

function find(engine: EmbeddedEngine): Promise<Found<EngineProgram>> {
  return engine === 'dynoxide' ? findDynoxide() : findDynamoDbLocal();
}

function engineArgs(engine: EmbeddedEngine, port: number, dataDir: string | null): string[] {
  if (engine === 'dynoxide') {
    const data = dataDir === null ? [] : ['--db-path', join(dataDir, dataFiles.dynoxide)];
    return ['--host', '127.0.0.1', '--port', String(port), ...data];
  }
  // sharedDb: without it every region and access key has tables of its own.
  const data = dataDir === null ? ['-inMemory'] : ['-dbPath', dataDir];
  return ['-port', String(port), ...data, '-sharedDb', '-disableTelemetry'];
}

/** A change of engine looks like lost data; the old engine's file is still there. */
function warnOfOtherEngine(engine: EmbeddedEngine, dataDir: string, logger: Logger): void {
  const other = engine === 'dynoxide' ? 'dynamodb-local' : 'dynoxide';
  if (existsSync(join(dataDir, dataFiles[other])) && !existsSync(join(dataDir, dataFiles[engine]))) {
    logger.warn({ engine, other, dataDir }, 'The data directory holds the data of the other DynamoDB engine');
  }
}

/**
 * Waits for the engine's own word that it listens, then for an answer to ListTables.
 *
 * The word comes first because an answer alone could be another server's, that took the port in between.
 */
async function waitUntilReady(child: EngineProcess, endpoint: string, readyTimeoutMs: number): Promise<void> {
  const deadlineMs = Date.now() + readyTimeoutMs;
  while (child.isRunning() && Date.now() < deadlineMs) {
    if (/listening on http/i.test(child.stderr()) && (await answers(endpoint))) return;
    await Promise.race([sleep(readyPollMs), child.exited]);
  }
  const what = child.isRunning() ? `did not answer within ${readyTimeoutMs} ms` : 'ended before it was ready';
  // Without Java's stack frames, or they would be all that is left.
  const lines = child
    .stderr()
    .trim()
    .split('\n')
    .filter((line) => !/^\s+at /.test(line));
  throw new EngineStartError(`The DynamoDB engine ${what}: ${lines.slice(-10).join('\n')}`);
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'DynamoDB_20120810.ListTables',
        // Neither engine checks the signature, but DynamoDB Local wants to see one and dynoxide a date too.
        'x-amz-date': '20260101T000000Z',
        authorization:
          'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
      },
      body: '{}',
      signal: AbortSignal.timeout(2_000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
