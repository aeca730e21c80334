/** swc instead of ts-jest: types are checked by `npm run types`, tests only need them stripped. */
const project = (name) => ({
  displayName: name,
  testEnvironment: 'node',
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  setupFiles: ['<rootDir>/test/helpers/setup.cjs'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
});

/** @type {import('jest').Config} */
module.exports = {
  projects: [project('unit'), project('integration')],
  // Integration tests start real engines: on two cores they need room, not parallelism.
  maxWorkers: 2,
  testTimeout: 60_000,
};
