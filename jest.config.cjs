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
  testTimeout: 60_000,
};
