import type { Answer, Attack, Expected, Outcome } from './attack';
import { knownFields } from './fields';
import { token } from './target';

/** The relay gives up, without another try, at 10 s. */
export const relayPatienceMs = 9_000;

/** What is wrong with an outcome, in words; nothing where all is as it must be. `slowestMs`: what an answer may take. */
export function judge(attack: Attack, outcome: Outcome, slowestMs: number): string[] {
  const { expected, maySilence = false, mustClose = false } = attack;
  const { answers, ended } = outcome;
  const wrong = answers.flatMap((answer, index) => judgeAnswer(answer, expected[index], slowestMs));
  if (ended === 'timeout')
    wrong.push(mustClose ? 'not closed, or not answered, in time' : 'not answered in time');
  else if (answers.length < expected.length && !maySilence) {
    wrong.push(`closed after ${answers.length} of ${expected.length} answers`);
  }
  if (outcome.isContinued && answers.some(({ status }) => status === 401)) {
    wrong.push('asked for the body of somebody without a token');
  }
  return wrong;
}

function judgeAnswer(answer: Answer, expected: Expected | undefined, slowestMs: number): string[] {
  const { status, phrase, headers, body, ms } = answer;
  const wrong: string[] = [];
  // `expected` is undefined where nothing was to be answered, such as a reader that never reads.
  if (expected && !expected.statuses.includes(status)) {
    wrong.push(`answered ${status} (${phrase}), expected ${expected.statuses.join(' or ')}`);
  }
  if (status === 500) wrong.push('answered 500');
  if (expected && ms > slowestMs) wrong.push(`answered after more than ${slowestMs / 1_000} s`);
  if (status === 503 && headers['retry-after'] === undefined) wrong.push('503 without Retry-After');
  if (body.includes(token) || phrase.includes(token)) wrong.push('the token is in the answer');
  if (status === 400) wrong.push(...judgeRefusal(phrase, body, expected?.fields));
  return wrong;
}

/** A 400 names a field, in the phrase (all that the relay shows) and in the body. */
function judgeRefusal(phrase: string, body: string, fields: readonly string[] | undefined): string[] {
  const parsed = tryParse(body) as { error?: unknown; issues?: { path: string }[] } | undefined;
  if (typeof parsed?.error !== 'string') return ['400 whose body is not {error}'];
  const named = parsed.issues?.map(({ path }) => path) ?? [parsed.error.split(' ')[0] ?? ''];
  const unknown = named.filter((name) => !knownFields.has(name));
  if (named.length === 0 || unknown.length > 0) return [`400 names ${unknown.join(', ') || 'nothing'}`];
  if (!phrase.startsWith(named[0] ?? ''))
    return [`400 whose phrase does not name ${named[0] ?? ''}: ${phrase}`];
  if (fields && !fields.some((field) => named.includes(field))) {
    return [`400 names ${named.join(', ')}, expected ${fields.join(' or ')}`];
  }
  return [];
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
