import { setMaxListeners } from 'node:events';
import { createRandom } from '../../local/demo/random';
import type { EmbeddedEngine } from '../../local/dynamodb/engines';
import { startBundle, type Bundle } from './bundle';
import { countAcknowledged, findProblems, type Problem } from './check';
import { sendLoad } from './clients';
import type { Fault } from './faults';
import { planLoad } from './load';
import { observe, waitUntilEqual } from './observe';
import { planStrikes, strike } from './schedule';
import { planStrangers, putStrangers } from './strangers';
import { untilAborted } from './until-aborted';

export type SeedOptions = {
  seed: number;
  engine: EmbeddedEngine;
  callbacks: number;
  /** Those to choose from. */
  faults: readonly Fault[];
  signal: AbortSignal;
  /** Keep data and logs of a seed that failed. */
  keep?: boolean;
};

export type SeedResult = {
  seed: number;
  /** Names, in the order in which they struck. */
  faults: string[];
  callbacks: number;
  acknowledged: number;
  problems: Problem[];
  /** From the last heal until ClickHouse shows what DynamoDB has, while callbacks still come in; null: not in time. */
  recoveryMs: number | null;
  tookMs: number;
  /** Where data and logs were kept, null where they were not. */
  dir: string | null;
};

const clients = 12;
/** A load is spread out, so that faults strike in the middle of it. */
const msPerCallback = 4.5;
const shortestWindowMs = 6_000;
/** The replicator waits at most 15 s between two tries. */
const recoveryLimitMs = 60_000;

/** Runs one seed from an empty bundle to a verdict. Throws where the bundle itself can't be started. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const { seed, callbacks, faults, signal } = options;
  const startedMs = Date.now();
  // Everything that waits listens to it.
  setMaxListeners(0, signal);
  const random = createRandom(`chaos ${seed}`);
  const windowMs = Math.max(shortestWindowMs, callbacks * msPerCallback);
  const plan = planLoad({ random: random.fork('load'), callbacks, clients, windowMs });
  const strangers = planStrangers(random.fork('strangers'), Math.round(callbacks / 100) + 6, windowMs);
  const strikes = planStrikes(random.fork('faults'), faults, windowMs);
  const poison = strangers.filter(({ expected }) => 'reason' in expected).length;

  const bundle = await startBundle({ engine: options.engine, signal });
  let hasFailed = true;
  try {
    const strikeAndRecover = async () => {
      const healedMs = await strike(bundle, strikes, signal);
      bundle.streams.callOff();
      const limits = { poison: 0, limitMs: recoveryLimitMs, settleMs: 1_000 };
      const { equalMs } = await waitUntilEqual(bundle, limits, signal);
      return equalMs === null ? null : equalMs - healedMs;
    };
    const [sent, recoveryMs] = await untilAborted(
      signal,
      Promise.all([
        sendLoad({ url: bundle.ingestUrl, token: bundle.token }, plan, signal),
        strikeAndRecover(),
        putStrangers({ client: bundle.dynamo, tableName: bundle.tableName }, strangers, signal),
      ]),
    );
    const limits = { poison, limitMs: recoveryLimitMs, settleMs: 200 };
    const { equalMs, verdict } = await untilAborted(signal, waitUntilEqual(bundle, limits, signal));
    const problems = findProblems(
      {
        sent,
        strangers,
        clockOffsetsMs: [...new Set(bundle.ingestOffsetsMs)],
        mustBeQuick: !strikes.some(({ fault }) => fault.name === 'freeze'),
      },
      await observeOrNothing(bundle, verdict),
    );
    hasFailed = problems.length > 0 || equalMs === null || recoveryMs === null;
    return {
      seed,
      faults: strikes.map(({ fault }) => fault.name),
      callbacks: sent.length,
      acknowledged: countAcknowledged(sent),
      problems,
      recoveryMs: equalMs === null ? null : recoveryMs,
      tookMs: Date.now() - startedMs,
      dir: hasFailed && options.keep ? bundle.dir : null,
    };
  } finally {
    await bundle.stop(hasFailed && options.keep && !signal.aborted);
  }
}

/** ClickHouse that does not even answer shows nothing: everything is lost then. */
const observeOrNothing = (bundle: Bundle, verdict: Parameters<typeof observe>[1]) =>
  observe(bundle, verdict).catch(() => ({
    rows: [],
    outcomes: [],
    quarantine: [],
    verdict: null,
    unexplained: bundle.unexplained,
  }));
