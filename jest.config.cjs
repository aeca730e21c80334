const { statfsSync } = require('node:fs');

/**
 * Engines make and delete files by the thousand, which costs a disk's file system more than what is tested. So their
 * temporary folders are in memory where the machine has a file system there with room; TMPDIR says otherwise.
 */
function roomInMemory() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 2 * 1024 ** 3;
  } catch {
    return false;
  }
}
if (process.env.TMPDIR === undefined && roomInMemory()) process.env.TMPDIR = '/dev/shm';

/** swc instead of ts-jest: types are checked by `npm run types`, tests only need them stripped. */
const project = (name) => ({
  displayName: name,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  setupFiles: ['<rootDir>/test/helpers/setup.cjs'],
  transform: {
    '\\.ts$|/badge-maker/.+\\.js$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // It comes as ES modules only, which Node loads and Jest does not.
  transformIgnorePatterns: ['/node_modules/(?!badge-maker/)'],
});

/** @type {import('jest').Config} */
module.exports = {
  projects: [project('unit'), project('integration')],
  // Integration tests start real engines: on two cores they need room, not parallelism.
  maxWorkers: 2,
  // Ends what hangs. How long the longest takes, 40 s on two idle cores, is the machine's matter.
  testTimeout: 240_000,
};
