import { createRandom, type Random } from './random';

/** An entry of `failed_tests`, as RFC-0054 shows it. */
export type FailedTest = { name: string; message: string; stacktrace: string };

const suites = [
  [
    'test/test_ops.py',
    'TestCommonPRIVATEUSE1',
    ['test_out', 'test_noncontiguous_samples', 'test_compare_cpu', 'test_dtypes'],
  ],
  ['test/test_ops_gradients.py', 'TestBwdGradientsPRIVATEUSE1', ['test_fn_grad', 'test_fn_gradgrad']],
  ['test/test_reductions.py', 'TestReductionsPRIVATEUSE1', ['test_ref_small_input', 'test_dim_reduction']],
  [
    'test/test_linalg.py',
    'TestLinalgPRIVATEUSE1',
    ['test_eigh_errors_and_warnings', 'test_addmm_sizes', 'test_svd'],
  ],
  [
    'test/test_nn.py',
    'TestNNDeviceTypePRIVATEUSE1',
    ['test_conv_empty_channel', 'test_groupnorm', 'test_rnn_retain_variables'],
  ],
  [
    'test/inductor/test_torchinductor.py',
    'GPUTests',
    ['test_index_put', 'test_max_pool2d', 'test_cat_unbacked'],
  ],
] as const;

const ops = [
  'linalg_eigh',
  'nn_functional_layer_norm',
  'index_put',
  'cumsum',
  'softmax_with_dtype',
  'scatter_reduce_amax',
  'nn_functional_scaled_dot_product_attention',
  'fft_rfft2',
  'masked_select',
  'nn_functional_grid_sample',
  'logcumsumexp',
  'unique_consecutive',
  'special_bessel_j0',
  'histogram',
  'nn_functional_interpolate_bicubic',
  'baddbmm',
] as const;

const dtypes = ['float32', 'float16', 'bfloat16', 'complex64', 'int64'] as const;

/** A message, and the last lines of the trace that leads to it. */
const causes: readonly ((random: Random) => { message: string; frames: string[] })[] = [
  (random) => {
    const elements = random.int(24, 8_192);
    const wrong = random.int(1, elements);
    const message =
      'AssertionError: Tensor-likes are not close!\n\n' +
      `Mismatched elements: ${wrong} / ${elements} (${((100 * wrong) / elements).toFixed(1)}%)\n` +
      `Greatest absolute difference: ${random.between(0.001, 4).toFixed(6)} at index (${random.int(0, 7)}, ${random.int(0, 63)}) (up to 1e-05 allowed)\n` +
      `Greatest relative difference: ${random.between(0.01, 900).toFixed(4)} at index (${random.int(0, 7)}, ${random.int(0, 63)}) (up to 1.3e-06 allowed)`;
    return {
      message,
      frames: [
        'File "torch/testing/_internal/common_utils.py", line 4233, in assertEqual\n    raise error_metas.pop()[0].to_error(',
      ],
    };
  },
  (random) => ({
    message: `RuntimeError: Expected all tensors to be on the same device, but found at least two devices, privateuseone:${random.int(0, 7)} and cpu!`,
    frames: ['File "torch/_refs/__init__.py", line 1187, in _elementwise\n    return prim(a, b)'],
  }),
  (random) => ({
    message: `NotImplementedError: Could not run 'aten::${random.pick(ops)}.out' with arguments from the 'PrivateUse1' backend.`,
    frames: ['File "torch/_ops.py", line 841, in __call__\n    return self._op(*args, **kwargs)'],
  }),
  (random) => ({
    message: `torch.OutOfMemoryError: tried to allocate ${random.int(2, 30)}.${random.int(10, 99)} GiB (device ${random.int(0, 7)}; 63.98 GiB total capacity; ${random.int(48, 62)}.${random.int(10, 99)} GiB already allocated)`,
    frames: [
      'File "torch/nn/functional.py", line 6112, in scaled_dot_product_attention\n    return handle(query, key, value)',
    ],
  }),
];

/** `count` different tests that fail, with what they say. */
export function failedTests(random: Random, count: number): FailedTest[] {
  const tests = new Map<string, FailedTest>();
  while (tests.size < count) {
    const test = failedTest(random);
    tests.set(test.name, test);
  }
  return [...tests.values()];
}

function failedTest(random: Random): FailedTest {
  const [file, suite, methods] = random.pick(suites);
  const method = random.pick(methods);
  const name = `${method}_${random.pick(ops)}_privateuse1_${random.pick(dtypes)}`;
  const { message, frames } = random.pick(causes)(random);
  const stacktrace = [
    'Traceback (most recent call last):',
    `  File "torch/testing/_internal/common_device_type.py", line ${random.int(390, 1_240)}, in instantiated_test`,
    '    result = test(self, **param_kwargs)',
    `  File "torch/testing/_internal/common_utils.py", line ${random.int(1_600, 3_200)}, in wrapper`,
    '    return fn(*args, **kwargs)',
    `  File "/workspace/pytorch/${file}", line ${random.int(210, 9_800)}, in ${method}`,
    '    self.compare_with_reference(actual, expected, sample)',
    ...frames.map((frame) => `  ${frame.replace('\n', '\n  ')}`),
    message,
  ].join('\n');
  return { name: `${file}::${suite}::${name}`, message, stacktrace };
}

/** What fails on the broken backend, the same whenever and wherever it runs. */
export const brokenBackendTests: readonly FailedTest[] = failedTests(createRandom('broken backend'), 9);
