import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Attack, HttpAct, Outcome, RawAct } from './attack';
import { createAnswerReader } from './read-answers';

/** Nothing may take longer than 9 s; more is waited only to tell how long it took. */
const patienceMs = 12_000;
/** How long the server may take to hang up once it has said all. */
const closeMs = 2_000;

export type Sender = {
  send(attack: Attack): Promise<Outcome>;
  close(): void;
};

/** Sends attacks to 127.0.0.1: ordinary ones over kept connections, the others each on one of its own. */
export function createSender(port: number): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return {
    send: ({ act, expected, mustClose = false }) =>
      act.over === 'http' ? sendHttp(act, port, agent) : sendRaw(act, port, expected.length, mustClose),
    close: () => agent.destroy(),
  };
}

function sendHttp(act: HttpAct, port: number, agent: Agent): Promise<Outcome> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const fail = (ended: Outcome['ended']) => resolve({ answers: [], isContinued: false, ended });
    const { method, path, headers, body } = act;
    const req = request({
      agent,
      port,
      host: '127.0.0.1',
      method,
      path,
      headers: { ...headers, 'content-length': body.length },
    });
    const timer = setTimeout(() => {
      fail('timeout');
      req.destroy();
    }, patienceMs);
    req.on('response', (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => {
        clearTimeout(timer);
        const answer: Answer = {
          status: res.statusCode ?? 0,
          phrase: res.statusMessage ?? '',
          headers: res.headers as Record<string, string>,
          body: Buffer.concat(chunks).toString('utf8'),
          ms: performance.now() - startMs,
        };
        resolve({ answers: [answer], isContinued: false, ended: 'answered' });
      });
    });
    req.on('error', () => {
      clearTimeout(timer);
      fail('closed');
    });
    req.end(body);
  });
}

async function sendRaw(act: RawAct, port: number, wanted: number, mustClose: boolean): Promise<Outcome> {
  const reader = createAnswerReader();
  const answers: Answer[] = [];
  let startMs = performance.now();
  let onChange: () => void = () => undefined;
  const connection = { isClosed: false };
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const closed = () => {
    connection.isClosed = true;
    onChange();
  };
  socket.on('error', closed).on('end', closed).on('close', closed);
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  startMs = performance.now();
  if (act.read !== false) listen();

  function listen() {
    socket.on('data', (bytes) => {
      const ms = performance.now() - startMs;
      answers.push(...reader.push(bytes).map((answer) => ({ ...answer, ms })));
      onChange();
    });
  }
  /** Resolves when it is so, or the time is up. */
  const until = async (isSo: () => boolean, ms: number): Promise<boolean> => {
    const timer = new AbortController();
    await Promise.race([
      new Promise<void>((resolve) => {
        onChange = () => isSo() && resolve();
        onChange();
      }),
      sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined),
    ]);
    timer.abort();
    return isSo();
  };
  const isSettled = () => connection.isClosed || (wanted > 0 && answers.length >= wanted);

  for (const step of act.steps) {
    // Who is answered while still sending stops: so a slow sender hears it in time.
    if (isSettled()) break;
    if (step === 'end') socket.end();
    else if (step === 'destroy') socket.resetAndDestroy();
    else if ('write' in step) socket.write(step.write);
    else await (act.read === false ? sleep(step.waitMs) : until(isSettled, step.waitMs));
  }
  if (act.read === false) listen();
  const isAnswered = await until(isSettled, patienceMs);
  if (mustClose) await until(() => connection.isClosed, closeMs);
  const ended =
    mustClose && !connection.isClosed ? 'timeout' : answers.length >= wanted ? 'answered' : 'closed';
  socket.destroy();
  return { answers, isContinued: reader.isContinued(), ended: isAnswered ? ended : 'timeout' };
}
