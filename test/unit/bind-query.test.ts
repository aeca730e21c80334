import { BindError, bindQuery } from '../../dashboards/bind-query';
import { successRateSql } from '../../dashboards/queries/backend-card';
import { stateSql } from '../../dashboards/queries/backend-streaks';
import {
  prBackendsSql,
  prBlockingSql,
  prCommitsSql,
  prCommitSql,
  prElsewhereSql,
  prFailedTestsSql,
  prJobsInFullSql,
  prJobsSql,
  prSentenceSql,
} from '../../dashboards/queries/pr';
import { backendsSql } from '../../dashboards/queries/summary-backends';
import { oneValue } from '../../dashboards/sql';
import { allValue, expandQuery } from '../helpers/grafana';

const range = { fromMs: 1_700_000_000_000, toMs: 1_700_600_000_000 };
const pr = { upstream: "o'hara/torch", pr: '12', sha: 'abc' };
const all = Object.fromEntries(
  ['level', 'backend', 'upstream', 'event_type', 'workflow', 'job', 'outcome'].map((name) => [
    name,
    allValue,
  ]),
);

describe('bindQuery', () => {
  it.each([
    ...[
      prSentenceSql,
      prBlockingSql,
      prElsewhereSql,
      prCommitSql,
      prBackendsSql,
      prJobsSql,
      prCommitsSql,
    ].map((rawSql) => [rawSql, pr] as const),
    [prJobsInFullSql, pr],
    [prFailedTestsSql, pr],
    [stateSql(), { backend: 'a/b' }],
    [successRateSql(), { backend: 'a/b' }],
    [backendsSql(), {}],
    [backendsSql(), { backend: 'a/b', level: 'L3' }],
  ] as const)(
    'makes of a panel what Grafana makes of it, but for where the values stand',
    (rawSql, variables) => {
      const { query, query_params } = bindQuery(rawSql, { ...range, variables });
      const filledIn = query.replace(
        /\{(\w+):String\}/g,
        (_parameter, name: string) => `'${query_params[name]?.replaceAll("'", "\\'") ?? ''}'`,
      );
      const expanded = expandQuery(rawSql, { ...range, variables: { ...all, ...variables } });
      const decoded = (_call: string, text: string) => `'${decodeURIComponent(text)}'`;
      expect(filledIn).toBe(expanded.replaceAll(/decodeURLComponent\('([^']*)'\)/g, decoded));
    },
  );

  it('lets no value become SQL, and sends only those that the query has', () => {
    const variables = { backend: "x') OR 1=1 --", other: 'y' };
    const { query, query_params } = bindQuery('SELECT 1 WHERE repo IN (${backend:singlequote})', {
      ...range,
      variables,
    });
    expect(query).toBe('SELECT 1 WHERE repo IN ({backend:String})');
    expect(query_params).toEqual({ backend: variables.backend });
  });

  it('takes the whole value of a variable that is decoded', () => {
    const variables = { sha: "delivery x\\') OR 1=1 -- $__fromTime_ms" };
    const rawSql = `SELECT 1 WHERE sha = ${oneValue('sha')}`;
    const { query, query_params } = bindQuery(rawSql, { ...range, variables });
    expect([query, query_params]).toEqual(['SELECT 1 WHERE sha = {sha:String}', variables]);
  });

  it('leaves a dollar alone that is none of Grafana', () => {
    const query = "SELECT match(run_id, '^[0-9]+$')";
    expect(bindQuery(query, { ...range, variables: {} }).query).toBe(query);
  });

  it.each([
    'SELECT ${pr:singlequote}',
    'SELECT ${pr}',
    'SELECT ${pr:raw}',
    'SELECT $pr',
    'SELECT [[pr]]',
    'SELECT $__timeFilter(received_at)',
    'SELECT $__fromTime',
    'SELECT ${__from}',
    'SELECT $__conditionalAll(a IN (1), $a',
    'SELECT $__conditionalAll(a IN (1))',
  ])('refuses %s', (rawSql) => {
    expect(() => bindQuery(rawSql, { ...range, variables: { other: 'x' } })).toThrow(BindError);
  });
});
