import { config, type Severity } from '../config';
import { isSameForAll, settingSql, type Setting } from '../settings';
import { quoted, sql } from '../sql';
import { registeredBackends } from './backend-results';

/*
 * What an alert rule asks comes as a table: text columns are the labels of an instance, the one number is its value.
 * An instance that is well has a row too, so that an alert ends because of data. NULL is "can't be judged": Grafana
 * reads it as NaN, which the condition of every rule takes as fine.
 */

const { levels } = config.alerts;

/** The moment at which a rule is evaluated. */
export const evaluatedAt = '$__toTime_ms';

/** Labels of a backend, where `downstream_repo`, `level` and `oncalls` are there. */
const backendLabels = (severity: Setting<Severity>): string => `downstream_repo AS backend,
      level,
      ${settingSql(severity)} AS severity,
      if(empty(oncalls), 'nobody', arrayStringConcat(oncalls, ', ')) AS oncall`;

/**
 * One row a registered backend of the levels. `from` has `downstream_repo`, `level`, `oncalls` and what `value` needs; where it
 * has several rows a backend, `labels` are the columns that tell them apart.
 */
export const byBackend = (
  severity: Setting<Severity>,
  value: string,
  from: string,
  {
    condition = '1',
    only = levels,
    labels = [],
  }: { condition?: string; only?: readonly string[]; labels?: readonly string[] } = {},
): string => sql`
    SELECT
      ${[backendLabels(severity), ...labels].join(',\n      ')},
      ${value} AS value
    FROM (
    ${from}
    )
    WHERE level IN (${quoted(only)}) AND ${condition}
    ORDER BY ${['backend', ...labels].join(', ')}`;

/** Registered backends with what another query knows of them; without a row there, its columns have their defaults. */
export const joinedToBackends = (from: string): string => sql`
    SELECT *
    FROM (${registeredBackends}) AS backends
    LEFT JOIN (
    ${from}
    ) AS known USING (downstream_repo)`;

/** The limit of each backend: the same labels, so that Grafana can compare row by row; or that of all. */
export const limitByBackend = (
  severity: Setting<Severity>,
  limit: Setting,
  only: readonly string[] = levels,
): string =>
  isSameForAll(limit)
    ? oneLimit(limit.default)
    : byBackend(severity, settingSql(limit), registeredBackends, { only });

/** One limit for every instance: a row without labels fits all. */
export const oneLimit = (limit: number): string => `SELECT ${limit} AS value`;
