import type { Conclusion } from '../../ingest/contract/callback';
import type { BackendProfile, JobProfile } from './profile';

const build = (name: string, medianMinutes: number): JobProfile => ({
  name,
  kind: 'build',
  medianMinutes,
  tests: 0,
});
const test = (name: string, medianMinutes: number, tests: number): JobProfile => ({
  name,
  kind: 'test',
  medianMinutes,
  tests,
});
const probe = (name: string, medianMinutes: number, announces: Conclusion): JobProfile => ({
  name,
  kind: 'probe',
  medianMinutes,
  tests: 0,
  announces,
});

/** Rates of a backend that is well: about 98 % of its jobs pass in the end. */
const healthy = { badRunRate: 0.008, failureRate: 0.008, flakeRate: 0.02 };
const onChanges = ['pull_request', 'push'] as const;
const onSchedule = ['nightly'] as const;

/** The backends that report. The allowlist has one more, at L1, for which the relay forwards nothing. */
export const backends: readonly BackendProfile[] = [
  {
    repo: 'intel/intel-extension-for-pytorch',
    level: 'L4',
    fate: 'steady',
    prShare: 0.25,
    queueMedianMinutes: 3.5,
    queueSigma: 0.6,
    ...healthy,
    queueTimeOn: 'every job',
    ids: 'text',
    nightlyHourUtc: 2,
    environment: {
      sdk: 'oneAPI 2026.0.1',
      device: 'Data Center GPU Max 1550',
      driver: '25.31.34666',
      python: '3.12',
    },
    workflows: [
      {
        name: 'xpu-ci',
        on: onChanges,
        jobs: [
          build('build (py3.12, icx)', 34),
          test('test (ops, 1, 2)', 52, 48_210),
          test('test (ops, 2, 2)', 49, 47_655),
          test('test (inductor)', 68, 9_840),
        ],
      },
      {
        name: 'xpu-distributed',
        on: ['pull_request'],
        jobs: [build('build (py3.12, ccl)', 31), test('test (c10d, 8 tiles)', 41, 2_315)],
      },
      {
        name: 'xpu-nightly',
        on: onSchedule,
        jobs: [
          test('nightly (ops)', 96, 95_870),
          test('nightly (inductor)', 120, 21_460),
          test('nightly (distributed)', 75, 4_420),
          test('nightly (torchbench)', 140, 312),
        ],
      },
      { name: 'xpu-periodic', on: ['periodic'], jobs: [test('periodic (slow)', 150, 3_905)] },
    ],
  },
  {
    repo: 'pytorch-labs/ascend-pytorch',
    level: 'L3',
    fate: 'steady',
    prShare: 0.23,
    queueMedianMinutes: 11,
    queueSigma: 0.8,
    ...healthy,
    failureRate: 0.004,
    flakeRate: 0.035,
    queueTimeOn: 'first job',
    ids: 'text',
    nightlyHourUtc: 17,
    environment: {
      sdk: '8.3.RC1',
      device: 'Ascend 910B3',
      driver: '25.3.rc1',
      os: 'openEuler 22.03',
      python: '3.11',
    },
    workflows: [
      {
        name: 'ascend-ci',
        on: onChanges,
        jobs: [
          build('build (aarch64, py3.11)', 26),
          test('test (910b, 1, 4)', 44, 21_340),
          test('test (910b, 2, 4)', 47, 20_985),
          test('test (910b, 3, 4)', 43, 22_017),
          test('test (910b, 4, 4)', 51, 20_411),
        ],
      },
      {
        name: 'ascend-nightly',
        on: onSchedule,
        jobs: [
          test('nightly (910b, ops)', 130, 84_120),
          test('nightly (910b, models)', 95, 640),
          test('nightly (910c, ops)', 118, 83_760),
          test('nightly (910c, hccl)', 62, 1_905),
        ],
      },
    ],
  },
  {
    repo: 'pytorch-labs/cambricon-pytorch',
    level: 'L3',
    fate: 'steady',
    prShare: 0.16,
    queueMedianMinutes: 19,
    queueSigma: 0.9,
    badRunRate: 0.105,
    failureRate: 0.075,
    flakeRate: 0.04,
    queueTimeOn: 'every job',
    ids: 'number',
    nightlyHourUtc: 18,
    environment: {
      sdk: 'CNToolkit 4.1.3',
      device: 'MLU590-M9',
      driver: '6.2.10',
      os: 'Ubuntu 22.04',
      python: '3.10',
    },
    workflows: [
      {
        name: 'mlu-ci',
        on: ['pull_request'],
        jobs: [
          build('build (mlu590)', 38),
          test('test (mlu590, 1, 3)', 57, 14_720),
          test('test (mlu590, 2, 3)', 61, 14_385),
          test('test (mlu590, 3, 3)', 55, 15_030),
        ],
      },
      {
        name: 'mlu-nightly',
        on: onSchedule,
        jobs: [
          test('nightly (ops)', 125, 43_960),
          test('nightly (cncl)', 48, 870),
          test('nightly (models)', 88, 205),
        ],
      },
    ],
  },
  {
    repo: 'tessera-ai/torch-tessera',
    level: 'L3',
    fate: 'broken',
    prShare: 0.17,
    queueMedianMinutes: 6,
    queueSigma: 0.6,
    ...healthy,
    queueTimeOn: 'every job',
    ids: 'text',
    nightlyHourUtc: 4,
    environment: {
      sdk: 'tsrt 3.8.2',
      device: 'Tessera T200',
      driver: '3.8.2-1',
      os: 'Debian 12',
      python: '3.12',
    },
    workflows: [
      {
        name: 'tessera',
        on: ['pull_request'],
        jobs: [
          test('ops', 57, 31_550),
          test('autograd', 49, 8_264),
          test('compile', 66, 5_120),
          test('multi-card', 38, 615),
        ],
      },
      {
        name: 'tessera-nightly',
        on: onSchedule,
        jobs: [test('ops-full', 85, 62_300), test('compile-full', 92, 10_480), test('multi-card', 40, 615)],
      },
    ],
  },
  {
    repo: 'novaforge-ai/torch-novaforge',
    level: 'L2',
    fate: 'silent',
    prShare: 0.17,
    queueMedianMinutes: 8,
    queueSigma: 0.7,
    ...healthy,
    failureRate: 0.006,
    queueTimeOn: 'first job',
    ids: 'text',
    nightlyHourUtc: 6,
    environment: { sdk: 'nfsdk 1.14', device: 'NovaForge NF-2', python: '3.12' },
    workflows: [
      {
        name: 'nf-presubmit',
        on: ['pull_request'],
        jobs: [build('build', 18), test('unit (nf2)', 33, 12_890), test('models (nf2)', 48, 164)],
      },
      {
        name: 'nf-nightly',
        on: onSchedule,
        jobs: [test('unit-full (nf2)', 64, 26_115), test('models-full (nf2)', 110, 388)],
      },
    ],
  },
  {
    repo: 'halcyon-compute/pytorch-halcyon',
    level: 'L2',
    fate: 'nightly only',
    prShare: 0,
    queueMedianMinutes: 5,
    queueSigma: 0.5,
    ...healthy,
    failureRate: 0.022,
    queueTimeOn: 'every job',
    ids: 'uuid',
    nightlyHourUtc: 8,
    environment: { sdk: 'halcyon-rt 0.9.4', device: 'HC-100', provider: 'self-hosted', python: '3.11' },
    workflows: [
      {
        name: 'halcyon-nightly',
        on: onSchedule,
        jobs: [
          test('hc100/ops-shard-1', 70, 18_440),
          test('hc100/ops-shard-2', 74, 18_216),
          test('hc100/ops-shard-3', 69, 18_902),
          test('hc100/nn', 58, 6_730),
          test('hc100/autograd', 51, 5_915),
          test('hc100/dynamo', 83, 4_385),
        ],
      },
    ],
  },
  {
    repo: 'pytorch/crcr-test',
    level: 'L2',
    fate: 'probe',
    prShare: 0.13,
    queueMedianMinutes: 0.3,
    queueSigma: 0.4,
    badRunRate: 0,
    failureRate: 0,
    flakeRate: 0,
    queueTimeOn: 'every job',
    ids: 'text',
    nightlyHourUtc: 1,
    environment: {},
    workflows: [
      {
        name: 'crcr-probe',
        on: ['pull_request', 'nightly'],
        jobs: [
          probe('probe-success', 1.2, 'success'),
          probe('probe-xfail', 1.1, 'failure'),
          probe('probe-xcancel', 1.5, 'cancelled'),
          probe('probe-xtimeout', 5.2, 'timed_out'),
        ],
      },
    ],
  },
];
