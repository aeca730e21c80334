import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { WireCallback } from '../../helpers/callbacks';
import { accepted, aimed, refused, send, victimId, type Make } from './aim';
import type { Expected } from './attack';
import { callbackAgainst } from './target';

export const deepNesting: Make = (context) => {
  const { random } = context;
  const depth = random.pick([100, 2_000, 20_000, 100_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['{"__proto__":', '}'],
  ] as const);
  const tree = open.repeat(depth) + (open === '[' ? '' : '1') + close.repeat(depth);
  const place = random.int(0, 4);
  if (place === 0) return send(tree, refused(...(depth > 1_000 ? ['body'] : [])));
  // Never closed.
  if (place === 1) return send(open.repeat(depth), refused('body'));
  const field = random.pick(['environment', 'failed_tests', 'extra', 'job_name'] as const);
  const value = field === 'failed_tests' ? `[${tree}]` : tree;
  const mark = '"workflow":{';
  const nest = (text: string) => {
    const own = JSON.parse(text) as WireCallback;
    own.untrusted.callback_payload.workflow[field] = undefined;
    return JSON.stringify(own).replace(mark, `${mark}"${field}":${value},`);
  };
  if (depth <= 1_000) return aimed(context, nest);
  return send(nest(JSON.stringify(callbackAgainst(victimId(context)))), refused('body'));
};

const padded = (id: string, bytes: number): string => {
  const text = JSON.stringify(callbackAgainst(id)).replace('"workflow":{', '"workflow":{"filler":"",');
  return text.replace('"filler":""', `"filler":"${'x'.repeat(bytes - Buffer.byteLength(text))}"`);
};
const limitBytes = 2 * 1024 * 1024;

/** Around the 2 MB that a body may have. */
export const bigBody: Make = (context) => {
  const { random } = context;
  // A thousand failed tests, each nested as deep as may be.
  if (random.chance(0.05)) {
    const text = JSON.stringify(callbackAgainst(context.freshId()));
    const entry = `{"message":${'['.repeat(900)}${']'.repeat(900)}}`;
    const entries = `"failed_tests":[${Array.from({ length: 1_000 }, () => entry).join(',')}]`;
    return send(text.replace(/"failed_tests":\[.*?\]/, entries), accepted);
  }
  if (random.chance(0.5)) return send(padded(context.freshId(), limitBytes - random.int(0, 1)), accepted);
  const over = padded(victimId(context), limitBytes + random.pick([1, 100_000]));
  return send(over, { statuses: [413] });
};

/** 100 MB or more once inflated. Made once: that takes a second. */
const bombs = {
  gzip: once(() => gzipSync(Buffer.alloc(100 * 1024 * 1024), { level: 9 })),
  br: once(() =>
    brotliCompressSync(Buffer.alloc(100 * 1024 * 1024), { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  ),
  /** A document that is right, with blanks before it. */
  blanks: once(() => gzipSync(' '.repeat(50 * 1024 * 1024) + JSON.stringify(callbackAgainst('victim-0')))),
  /** Nothing, twenty thousand times: the limit on what comes out never bites. */
  nothings: once(() => Buffer.concat(Array.from({ length: 20_000 }, () => gzipSync('')))),
};

/** Makes what takes long to make. */
export function prepareBombs(): void {
  for (const make of Object.values(bombs)) make();
}

export const bomb: Make = ({ random }) => {
  const tooLarge: Expected = { statuses: [413] };
  switch (random.int(0, 3)) {
    case 0:
      return send(bombs.gzip(), tooLarge, { 'content-encoding': 'gzip' });
    case 1:
      return send(bombs.br(), tooLarge, { 'content-encoding': 'br' });
    case 2:
      return send(bombs.blanks(), tooLarge, { 'content-encoding': 'gzip' });
    default:
      return send(bombs.nothings(), refused('body'), { 'content-encoding': 'gzip' });
  }
};

/** A Content-Encoding that the body does not have, or has in part, or none that anybody knows. */
export const wrongEncoding: Make = (context) => {
  const { random } = context;
  const text = JSON.stringify(callbackAgainst(victimId(context)));
  const encoding = random.pick([
    'gzip',
    'deflate',
    'br',
    'snappy',
    'gzip, gzip',
    'identity, gzip',
    'x'.repeat(999),
  ]);
  const isKnown = /^(gzip|deflate|br)$/.test(encoding);
  const expected = isKnown ? refused('body') : { statuses: [415] };
  const half = gzipSync(text).subarray(0, 60);
  return send(encoding === 'gzip' && random.chance(0.5) ? half : text, expected, {
    'content-encoding': encoding,
  });
};

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
