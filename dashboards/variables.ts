import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { variableDatasource } from './clickhouse-query';
import { config } from './config';
import { isSafe, jobsInRange, quoted, sql } from './sql';
import { states } from './states';

/** The ClickHouse that a dashboard reads. */
export const datasourceVariable = () =>
  new DatasourceVariableBuilder('datasource')
    .label('Data source')
    .type(config.datasource.type)
    // Ours, where it is there: without any, Grafana takes the first by name of all that are ClickHouse.
    .current({ selected: true, text: config.datasource.name, value: config.datasource.uid });

/** A value from a query, asked again when the time range changes. Without a current one, the first. */
export function oneOf(name: string, label: string, rawSql: string) {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(variableDatasource)
    .query({ refId: name, queryType: 'sql', rawSql })
    .definition(rawSql)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.Disabled);
}

/** Several values of a query at once, or All, which is where it starts. */
export const anyOf = (name: string, label: string, rawSql: string) =>
  oneOf(name, label, rawSql)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: ['All'], value: ['$__all'] });

const distinct = (column: string) =>
  sql`
    SELECT DISTINCT ${column}
    FROM ${jobsInRange}
    WHERE ${isSafe(column)}
    ORDER BY ${column}`;

export const levelVariable = () =>
  anyOf('level', 'Level', 'SELECT DISTINCT level FROM oot_backends ORDER BY level DESC');

export const upstreamVariable = () => anyOf('upstream', 'Upstream', distinct('upstream_repo'));

export const eventTypeVariable = () => anyOf('event_type', 'Event', distinct('event_type'));

/** Registered backends, and those that report without being registered. */
const backendsSql = sql`
  SELECT repo
  FROM (SELECT repo FROM oot_backends UNION DISTINCT SELECT downstream_repo AS repo FROM ${jobsInRange})
  ORDER BY repo`;

export const backendsVariable = () => anyOf('backend', 'Backend', backendsSql);

/** Exactly one backend. */
export const oneBackendVariable = () => oneOf('backend', 'Backend', backendsSql);

export const workflowVariable = () =>
  anyOf(
    'workflow',
    'Workflow',
    sql`
      SELECT DISTINCT workflow_name
      FROM ${jobsInRange}
      WHERE downstream_repo IN (\${backend:singlequote})
        AND ${isSafe('workflow_name')}
      ORDER BY workflow_name`,
  );

export const jobVariable = () =>
  anyOf(
    'job',
    'Job',
    sql`
      SELECT DISTINCT job_name
      FROM ${jobsInRange}
      WHERE downstream_repo IN (\${backend:singlequote})
        AND $__conditionalAll(workflow_name IN (\${workflow:singlequote}), $workflow)
        AND ${isSafe('job_name')}
      ORDER BY job_name`,
  );

export const outcomeVariable = () =>
  anyOf('outcome', 'Outcome', `SELECT arrayJoin([${quoted(states.filter((state) => state !== 'none'))}])`);
