import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBodies } from '../callbacks';
import { quantile } from '../stats';
import { serveRequests } from './serve-requests';

/*
 * Sends callbacks to ingest, or to what stands in for it. A process of its own, so that it does not share an event
 * loop with what is measured.
 */

type Common = { port: number; token: string; repo: string; first: number; durationMs: number };

/** `clients` wait for each answer before they send again. */
export type ClosedLoad = Common & { kind: 'closed'; clients: number };

/** So many a second, whether the ones before were answered or not. */
export type OpenLoad = Common & { kind: 'open'; perSecond: number };

export type ClosedResult = { count: number; perSecond: number; p50Ms: number; p99Ms: number };

/** By number from `first` on: when its 200 came. UTC milliseconds. */
export type OpenResult = { answeredAtMs: Float64Array; p99Ms: number };

const agent = new Agent({ keepAlive: true, maxSockets: 512 });

serveRequests((load: ClosedLoad | OpenLoad) => (load.kind === 'closed' ? runClosed(load) : runOpen(load)));

async function runClosed(load: ClosedLoad): Promise<ClosedResult> {
  const bodyOf = createBodies(load.repo);
  const latenciesMs: number[] = [];
  let next = load.first;
  const startedMs = performance.now();
  const untilMs = startedMs + load.durationMs;
  const client = async () => {
    while (performance.now() < untilMs) {
      const sentMs = performance.now();
      await post(load, bodyOf(next++));
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: load.clients }, client));
  const seconds = (performance.now() - startedMs) / 1_000;
  return {
    count: latenciesMs.length,
    perSecond: latenciesMs.length / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}

async function runOpen(load: OpenLoad): Promise<OpenResult> {
  const bodyOf = createBodies(load.repo);
  const count = Math.max(1, Math.round((load.durationMs / 1_000) * load.perSecond));
  const answeredAtMs = new Float64Array(count);
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const send = async (index: number) => {
    const sentMs = performance.now();
    await post(load, bodyOf(load.first + index));
    answeredAtMs[index] = performance.timeOrigin + performance.now();
    latenciesMs.push(performance.now() - sentMs);
  };
  const sent: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    const waitMs = startedMs + (index * 1_000) / load.perSecond - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    sent.push(send(index));
  }
  await Promise.all(sent);
  return { answeredAtMs, p99Ms: quantile(latenciesMs, 0.99) };
}

/** Rejects unless the answer is 200: a bench that measures refusals measures nothing. */
function post({ port, token }: Common, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path: '/api/crcr/results',
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'x-hud-internal-bot': token,
        },
      },
      (response) => {
        response.resume();
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`answered ${response.statusCode ?? '?'}`));
        });
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}
