import { marshall } from '@aws-sdk/util-dynamodb';
import fc from 'fast-check';
import { parseCallback } from '../../ingest/contract/callback';
import { jsonText } from '../../ingest/contract/wire';
import { isNestedDeeper } from '../../ingest/nesting';
import { createRecord } from '../../ingest/record';
import { describeError } from '../../runtime/logger';
import { validCallback } from '../chaos/bad-input/valid';
import { completed } from '../helpers/callbacks';

const issuesOf = (input: unknown) => {
  const parsed = parseCallback(input);
  return parsed.ok ? [] : parsed.issues;
};
const fieldsOf = (input: unknown) => {
  const parsed = parseCallback(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return createRecord(parsed.callback).fields;
};
const max = Number.MAX_SAFE_INTEGER;

describe('what the contract accepts can be stored', () => {
  it('takes seconds that are nearer to 0 than DynamoDB can hold as 0', () => {
    for (const tiny of [1e-300, 5e-324, `0.${'0'.repeat(140)}1`]) {
      const input = completed({ trusted: { ci_metrics: { queue_time: tiny, execution_time: tiny } } });
      expect(fieldsOf(input)).toMatchObject({ queue_time: 0, execution_time: 0 });
    }
  });

  it('refuses test counts whose sum no number holds exactly, and takes them with a total', () => {
    const results = (test_results: object) => completed({ workflow: { test_results } });
    expect(issuesOf(results({ passed: max, failed: 1 }))).toEqual([
      {
        path: 'workflow.test_results.total',
        message: 'is missing, and the others add up to more than 9007199254740991',
      },
    ]);
    expect(fieldsOf(results({ passed: max, failed: 1, total: max }))).toMatchObject({ total_tests: max });
    expect(fieldsOf(results({ passed: max - 1, failed: 1 }))).toMatchObject({ total_tests: max });
  });

  it('has only numbers that DynamoDB holds, whatever a valid callback brings', () => {
    fc.assert(
      fc.property(validCallback, (callback) => {
        const fields = fieldsOf(callback('1'));
        expect(() => marshall(fields)).not.toThrow();
        for (const value of Object.values(fields)) {
          if (typeof value === 'number') expect(value === 0 || (value >= 1e-130 && value < 1e126)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('writes JSON of a thousand levels, and does not try more: that would hold up everybody', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect(jsonText(JSON.parse(nested(1_000)))).toBe(nested(1_000));
    const stringify = jest.spyOn(JSON, 'stringify');
    expect(jsonText(JSON.parse(nested(1_001)))).toBeNull();
    expect(stringify).not.toHaveBeenCalled();
    stringify.mockRestore();
  });

  it('does not let a key of a callback reach a prototype', () => {
    const text = JSON.stringify(completed({ workflow: { environment: {}, failed_tests: [{}] } }));
    const spoiled = text.replaceAll('{', '{"__proto__":{"polluted":true},"constructor":{"prototype":1},');
    fieldsOf(JSON.parse(spoiled.replaceAll(',}', '}')));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('polluted');
  });
});

describe('isNestedDeeper', () => {
  const measure = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Object.values(value).reduce((most: number, inner) => Math.max(most, measure(inner)), 0)
      : 0;

  it('counts levels as they are, whatever strings and keys hold', () => {
    const brackets = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a') });
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        brackets,
        fc.array(tie('tree')),
        fc.dictionary(brackets, tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const json = Buffer.from(JSON.stringify(value));
        const levels = measure(value);
        expect(isNestedDeeper(json, levels)).toBe(false);
        if (levels > 0) expect(isNestedDeeper(json, levels - 1)).toBe(true);
      }),
    );
  });
});

describe('describeError', () => {
  it('takes no line of a message for a frame', () => {
    const error = new Error('bad row\n    at secret (row 7)\n    at another secret');
    const described = describeError(new Error('outer\n   at secret', { cause: error }));
    expect(JSON.stringify(described)).not.toContain('secret');
    expect((described.stack as string[]).length).toBeGreaterThan(0);
  });
});
