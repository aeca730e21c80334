import { Agent, request } from 'node:http';
import { calmCallback, type CalmWindow } from './calm';
import { relayHeaders, resultsPath } from './target';

/* The calm stream's own process; see calm.ts. Arguments: port, callbacks a second. */

const [port, perSecond] = process.argv.slice(2).map(Number) as [number, number];
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let window: CalmWindow = { latenciesMs: [], failures: [] };
let sent = 0;
let timer: NodeJS.Timeout | undefined;
const pending = new Set<Promise<void>>();

function post(index: number, dueMs: number): Promise<void> {
  return new Promise((resolve) => {
    const body = JSON.stringify(calmCallback(index));
    const { latenciesMs, failures } = window;
    const done = (failure?: string) => {
      latenciesMs.push(performance.now() - dueMs);
      if (failure !== undefined) failures.push(failure);
      resolve();
    };
    const headers = relayHeaders({ 'content-length': String(Buffer.byteLength(body)) });
    const req = request({ agent, port, host: '127.0.0.1', method: 'POST', path: resultsPath, headers });
    req.on('response', (res) => {
      res
        .resume()
        .on('end', () => done(res.statusCode === 200 ? undefined : `answered ${res.statusCode ?? '?'}`));
    });
    req.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
    req.end(body);
  });
}

function begin(): void {
  window = { latenciesMs: [], failures: [] };
  const startMs = performance.now();
  let due = 0;
  timer = setInterval(() => {
    for (; startMs + (due * 1_000) / perSecond <= performance.now(); due++) {
      const posted = post(sent++, startMs + (due * 1_000) / perSecond);
      pending.add(posted);
      void posted.then(() => pending.delete(posted));
    }
  }, 1);
}

async function end(): Promise<void> {
  clearInterval(timer);
  await Promise.all(pending);
  process.send?.({ ...window, sent });
}

process.on('message', (message) => {
  if (message === 'begin') begin();
  else void end();
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
