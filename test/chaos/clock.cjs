/**
 * Preloaded into a part (NODE_OPTIONS=--require): shifts its clock by as many milliseconds as the file that
 * CHAOS_CLOCK_FILE names says, read again every 20 ms. Timers keep their own time, as on a machine whose clock
 * is set.
 */
const { readFileSync } = require('node:fs');
const { setInterval } = require('node:timers');

const file = process.env.CHAOS_CLOCK_FILE;
const RealDate = globalThis.Date;
let offsetMs = 0;

function readOffset() {
  try {
    offsetMs = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    // Not written yet: no offset.
  }
}

const now = () => RealDate.now() + offsetMs;

if (file) {
  readOffset();
  setInterval(readOffset, 20).unref();
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args) => (args.length === 0 ? new target(now()) : new target(...args)),
    apply: (target) => new target(now()).toString(),
    get: (target, property) => (property === 'now' ? now : Reflect.get(target, property)),
  });
}
