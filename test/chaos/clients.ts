import { request } from 'node:http';
import { sleep } from '../../runtime/retry';
import type { Planned } from './load';

/** What came back: an HTTP status, `refused` (nobody listened), or `dropped` (cut, or slower than 10 s). */
export type Answer = number | 'refused' | 'dropped';

/** One HTTP request. Times are UTC milliseconds. */
export type Try = { sentMs: number; endedMs: number; answer: Answer; answerBody: string };

/** A request of the plan, and everything that became of it. */
export type Sent = { planned: Planned; tries: Try[] };

export type Target = {
  url: string;
  token: string;
  /** The waits between the tries of one callback, in milliseconds; the relay's own unless told. */
  waitsMs?: readonly number[];
};

/** As the relay does it: 4 tries, after 1, 2 and 4 s, each of at most 10 s. */
const relayWaitsMs = [1_000, 2_000, 4_000] as const;
const timeoutMs = 10_000;
/** Callbacks that one client has under way at most; the rest wait, as for a Lambda's reserved concurrency. */
const maxUnderWay = 24;

/**
 * Sends a plan as the relay would, each request at its time, and returns every request with every answer.
 *
 * A 5xx and a refused connection are tried again; a 4xx, a dropped connection and a late answer are not. Each
 * request has a connection of its own, as the relay's have, so that "dropped" never means "never sent" because
 * of an idle connection that had died. Ends early, with what there is, when the signal aborts.
 */
export async function sendLoad(
  target: Target,
  plan: readonly Planned[],
  signal: AbortSignal,
): Promise<Sent[]> {
  const startMs = Date.now();
  const clients = [...new Set(plan.map(({ client }) => client))];
  const sent: Sent[] = [];
  const runClient = async (queue: readonly Planned[]) => {
    const underWay = new Set<Promise<void>>();
    for (const planned of queue) {
      await sleep(startMs + planned.atMs - Date.now(), signal);
      while (underWay.size >= maxUnderWay) await Promise.race(underWay);
      if (signal.aborted) break;
      const record: Sent = { planned, tries: [] };
      sent.push(record);
      const task: Promise<void> = deliver(target, record, signal).finally(() => underWay.delete(task));
      underWay.add(task);
    }
    await Promise.all(underWay);
  };
  await Promise.all(clients.map((client) => runClient(plan.filter((planned) => planned.client === client))));
  return sent;
}

async function deliver(target: Target, { planned, tries }: Sent, signal: AbortSignal): Promise<void> {
  const waitsMs = target.waitsMs ?? relayWaitsMs;
  for (let index = 0; !signal.aborted; index++) {
    const sentMs = Date.now();
    const { answer, answerBody } = await post(target, planned);
    tries.push({ sentMs, endedMs: Date.now(), answer, answerBody });
    const waitMs = waitsMs[index];
    const isRetried = answer === 'refused' || (typeof answer === 'number' && answer >= 500);
    if (!isRetried || waitMs === undefined) return;
    await sleep(waitMs, signal);
  }
}

function post(target: Target, planned: Planned): Promise<Pick<Try, 'answer' | 'answerBody'>> {
  return new Promise((resolve) => {
    const body = Buffer.from(planned.body);
    const outgoing = request(
      target.url,
      {
        method: planned.method,
        agent: false,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'content-type': planned.contentType,
          'content-length': body.length,
          'x-hud-internal-bot': planned.isAuthorized ? target.token : 'a-secret-of-somebody-else',
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        // The status is all that the relay reads, so an answer whose body is cut off is still an answer.
        const end = () =>
          resolve({ answer: incoming.statusCode ?? 0, answerBody: Buffer.concat(chunks).toString() });
        incoming.once('end', end).once('error', end).once('close', end);
      },
    );
    outgoing.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ answer: error.code === 'ECONNREFUSED' ? 'refused' : 'dropped', answerBody: '' }),
    );
    outgoing.end(body);
  });
}
