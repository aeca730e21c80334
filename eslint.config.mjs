import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Which rooms a room may import from (docs: README, "Layout"). Nothing imports `test`. */
const rooms = [
  'runtime',
  'ingest',
  'replicator',
  'clickhouse',
  'dashboards',
  'api',
  'local',
  'deploy',
  'test',
];
const mayImport = {
  runtime: [],
  clickhouse: ['runtime'],
  ingest: ['runtime'],
  replicator: ['runtime', 'clickhouse', 'ingest/contract'],
  dashboards: ['runtime', 'clickhouse'],
  api: [
    'runtime',
    'clickhouse',
    'dashboards/config',
    'dashboards/states',
    'dashboards/state-colors',
    'dashboards/queries',
    'dashboards/bind-query',
  ],
  local: ['runtime', 'clickhouse', 'ingest', 'replicator', 'dashboards'],
  // What it deploys it knows by path, not by import.
  deploy: ['runtime'],
};

const roomRules = Object.entries(mayImport).map(([room, allowed]) => ({
  files: [`${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: rooms
          .filter((other) => other !== room && !allowed.includes(other))
          .map((other) => {
            const exceptions = allowed.filter((path) => path.startsWith(`${other}/`));
            return {
              regex: `^(\\.\\./)+${other}(/|$)${exceptions.map((path) => `(?<!${path}/)(?!${path.slice(other.length + 1)}(/|$))`).join('')}`,
              message: `${room}/ must not import from ${other}/ (imports run one way, see README "Layout")`,
            };
          }),
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['node_modules/', '.data/', 'cdk.out/', 'coverage/', 'dashboards/generated/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    // Only entry points read the environment; everything else takes typed arguments.
    files: ['{runtime,ingest,replicator,clickhouse,dashboards,api,local,deploy}/**/*.ts'],
    ignores: ['**/main.ts', '**/*-main.ts', 'local/demo/live.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only entry points (main.ts, *-main.ts) read the environment.',
        },
      ],
    },
  },
  {
    // The classic (v1) model of dashboards is the one that file provisioning takes from Grafana 11.6 to 13; the
    // SDK already recommends v2, which needs a newer server.
    files: ['dashboards/**/*.ts', 'test/**/*dashboard*.ts'],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', require: 'readonly', process: 'readonly' },
    },
  },
  {
    // A test that is sure of a value says so with `as`; what it gets wrong fails there and then.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  ...roomRules,
);
