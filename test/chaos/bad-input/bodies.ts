import fc from 'fast-check';
import type { WireCallback } from '../../helpers/callbacks';
import { accepted, aimed, put, refused, send, victimId, type Make } from './aim';
import { fieldPaths, impossible, nameOf, requiredPaths } from './fields';
import { callbackAgainst } from './target';
import { validCallback } from './valid';
import { anyDocument, loadedTexts, numberTexts, strangeValue } from './values';

export const valid: Make = ({ draw, freshId }) =>
  send(JSON.stringify(draw(validCallback)(freshId())), accepted);

export const strangeFields: Make = (context) => {
  const { random, draw } = context;
  const changes = Array.from(
    { length: random.int(1, 3) },
    () => [random.pick(fieldPaths), draw(strangeValue)] as const,
  );
  const spoil = (text: string) => {
    const whole = JSON.parse(text) as WireCallback;
    return JSON.stringify(changes.reduce((at, [path, value]) => put(at, path, value), whole));
  };
  return aimed(context, spoil);
};

export const missingField: Make = (context) => {
  const path = context.random.pick(requiredPaths);
  const value = context.random.pick([undefined, null, ''] as const);
  const body = put(callbackAgainst(victimId(context)), path, value);
  return send(JSON.stringify(body), refused(nameOf(path)));
};

export const impossibleValue: Make = (context) => {
  const [path, value] = context.random.pick(impossible);
  return send(JSON.stringify(put(callbackAgainst(victimId(context)), path, value)), refused(nameOf(path)));
};

export const anotherDocument: Make = ({ draw }) => send(JSON.stringify(draw(anyDocument)), refused());

/** Bytes changed, left out, doubled or cut off, in the text of a callback. */
export const brokenText: Make = (context) => {
  const { random } = context;
  const plans = Array.from({ length: random.int(1, 3) }, () => ({
    how: random.int(0, 4),
    where: random.next(),
    char: random.pick(Array.from('"{}[]:,\\0-9eE.+tfn\u0000\ufeff\u2028\ud83d/*')),
  }));
  const spoil = (text: string) =>
    plans.reduce((at, { how, where, char }) => {
      const index = Math.floor(where * at.length);
      if (how === 0) return at.slice(0, index);
      if (how === 1) return at.slice(0, index) + at.slice(index + 1);
      if (how === 2) return at.slice(0, index) + char + at.slice(index);
      if (how === 3) return at.slice(0, index) + char + at.slice(index + 1);
      return at + char;
    }, text);
  return aimed(context, spoil);
};

export const rawBytes: Make = ({ random, draw }) => {
  const bytes = Buffer.from(draw(fc.uint8Array({ minLength: 1, maxLength: 400 })));
  // Bytes that begin like a document, and then are none.
  const prefix = random.pick(['', '', '{"trusted":', '"', '\ufeff{', '[[']);
  return send(Buffer.concat([Buffer.from(prefix), Buffer.from([0xc3, 0x28]), bytes]), refused('body'));
};

export const hugeNumber: Make = (context) => {
  const { random } = context;
  const number = random.pick(numberTexts);
  const path = random.pick(
    fieldPaths.filter((each) =>
      /number|attempt|time$|passed|failed$|total|_id$|metrics|environment/.test(each.at(-1) ?? ''),
    ),
  );
  const mark = 'a-number-goes-here';
  const spoil = (text: string) =>
    JSON.stringify(put(JSON.parse(text) as WireCallback, path, mark)).replace(`"${mark}"`, number);
  return aimed(context, spoil);
};

/** Text for another program in every field that takes text; what the contract takes must be stored as it is. */
export const loadedText: Make = (context) => {
  const { random } = context;
  const text = random.pick(loadedTexts);
  const names = ['name', 'job_name', 'run_id', 'url', 'artifact_url', 'conclusion', 'started_at'];
  const field = random.pick(names);
  const spoil = (json: string) => {
    const body = put(
      JSON.parse(json) as WireCallback,
      ['untrusted', 'callback_payload', 'workflow', field],
      text,
    );
    body.untrusted.callback_payload.workflow.failed_tests = [
      { name: text, message: text, [text]: text },
      text,
    ];
    body.untrusted.callback_payload.workflow.environment = { [text]: text };
    return JSON.stringify(body);
  };
  return aimed(context, spoil);
};

/** Keys that mean something to JavaScript, at every level, as JSON.parse makes them: own properties. */
export const prototypeKeys: Make = ({ random, freshId }) => {
  const key = random.pick([
    '__proto__',
    'constructor',
    'prototype',
    'toJSON',
    'hasOwnProperty',
    'then',
    'valueOf',
  ]);
  const value = random.pick(['{"polluted":true}', 'null', '"x"', '[]', '{"__proto__":{"polluted":1}}']);
  const text = JSON.stringify(callbackAgainst(freshId()));
  return send(text.replaceAll('{', `{${JSON.stringify(key)}:${value},`), accepted);
};
