import type { EnvironmentInput } from './config-schema';

/**
 * What is deployed, and where; the one file to edit. What every field means, and what stands where it is left out, is
 * in `config-schema.ts`. No secret belongs here: only the names of those in Secrets Manager.
 */
export const environments: Record<string, EnvironmentInput> = {
  staging: {
    region: 'us-east-1',
    table: { kind: 'own', name: 'torchci-oot-workflow-job-staging' },
    secrets: {
      relayTokens: 'oot-ci-health/staging/relay-token',
      clickHouse: 'oot-ci-health/staging/clickhouse',
    },
    ingest: { kind: 'lambda' },
    api: { kind: 'none' },
    terminationProtection: false,
  },
  production: {
    region: 'us-east-1',
    table: { kind: 'own', name: 'torchci-oot-workflow-job' },
    secrets: {
      relayTokens: 'oot-ci-health/production/relay-token',
      clickHouse: 'oot-ci-health/production/clickhouse',
    },
    ingest: { kind: 'lambda' },
    api: { kind: 'none' },
  },
};
