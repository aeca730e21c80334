import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { token } from './target';

/** Words that only senders said: bodies, keys, loaded texts. */
const sendersWords = /victim-|fresh-|calm-|chaos-ci|DROP TABLE|alert\(1\)|forged|pytorch-labs/;

/** What is wrong with ingest's output: a line that is no JSON object, a secret, a sender's word. */
export async function judgeLogs(
  stdoutFile: string,
  stderrFile: string,
): Promise<{ lines: number; wrong: string[] }> {
  const wrong: string[] = [];
  let lines = 0;
  for await (const line of createInterface({ input: createReadStream(stdoutFile), crlfDelay: Infinity })) {
    lines++;
    if (!isObject(line)) wrong.push(`log line ${lines} is no JSON object`);
    if (line.includes(token)) wrong.push(`the token is in log line ${lines}`);
    if (sendersWords.test(line)) wrong.push(`a sender's words are in log line ${lines}`);
  }
  const stderr = await readFile(stderrFile, 'utf8');
  if (stderr !== '') wrong.push(`ingest wrote to stderr: ${stderr.slice(0, 200)}`);
  return { lines, wrong };
}

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
