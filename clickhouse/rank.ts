import { createHash } from 'node:crypto';
import type { ClickHouseClient } from './client';
import { sqlString } from './sql-literal';
import {
  identityFields,
  tables,
  type AttemptIdentity,
  type DateTimeText,
  type WorkflowJobRow,
} from './tables';

/*
 * What has to follow every insert of attempts: the ranges in which an attempt is its job's newest depend on the other
 * attempts of the job, and are stored with each of them (migration 0011). The views are the definition; here is only
 * asked and stored what they say.
 *
 * Several may insert and rank at once, so whoever has stored something looks again, until it finds nothing more to
 * store. Of all who wrote attempts of a job, the last one to insert or to store has therefore seen what the others did,
 * and nothing to be changed. What was found of a revision is never stored with another one, which may be of another job.
 */

/** What tells an attempt that was inserted. */
export type InsertedAttempt = Pick<WorkflowJobRow, 'dynamoKey' | 'received_at'>;

/** Ids of jobs or runs, decimal digits. */
type Ids = readonly string[];

const settings = {
  // Nothing here is a query of a person: a list of 10,000 numbers is longer than ClickHouse lets through unasked, and so
  // are the days of what is written at once.
  max_query_size: '16777216',
  max_partitions_per_insert_block: '0',
  // On Cloud, what any replica wrote; elsewhere it changes nothing.
  select_sequential_consistency: '1',
} as const;

/** The number of an attempt, as the column attempt_id makes it of dynamoKey. */
const attemptId = (dynamoKey: string): string =>
  createHash('md5').update(dynamoKey).digest().readBigUInt64BE().toString();

const numbers = (ids: Ids): string => ids.join(', ');

/**
 * Brings the ranges of all attempts up to date whose job one of these belongs to, or belonged to before. `formerly`:
 * what those were that are something else now, since ClickHouse may have merged it away. Returns the workflow runs that
 * these touch, which {@link computeRuns} is for. Throws what @clickhouse/client threw; then it can be repeated any
 * number of times.
 */
export async function rankAttempts(
  client: ClickHouseClient,
  inserted: readonly InsertedAttempt[],
  formerly: readonly AttemptIdentity[],
): Promise<string[]> {
  if (inserted.length === 0) return [];
  const days = new Set(inserted.map(({ received_at }) => `'${received_at.slice(0, 10)}'`));
  const attempts = new Set(inserted.map(({ dynamoKey }) => attemptId(dynamoKey)));
  const touched = await touchedBy(
    client,
    `${tables.workflowJob} WHERE toDate(received_at) IN (${[...days].join(', ')}) AND attempt_id IN (${numbers([...attempts])})`,
  );
  const left: Touched[] = [];
  for (const some of chunksOf(formerly, identitiesAtOnce)) {
    // Nothing but what the view reads: a row can hold a megabyte. In the text of the query, since a parameter is in the URL.
    const identities = sqlString(JSON.stringify(some, [...identityFields]));
    left.push(await touchedBy(client, `oot_identities(attempts = ${identities})`));
  }
  await rankJobs(client, unique([touched, ...left].flatMap(({ jobs }) => jobs)));
  // At once: a process that is killed before it comes to them would not find them again.
  await computeRuns(client, unique(left.flatMap(({ runs }) => runs)));
  return touched.runs;
}

/**
 * Ranks attempts that somebody inserted who does not: a replicator of an earlier version, or a person. Not those of a copy,
 * which ranks all there is in its end. `sinceMs`: when they were inserted, UTC milliseconds. Returns the workflow runs
 * that they touch.
 */
export async function rankUnranked(client: ClickHouseClient, sinceMs: number): Promise<string[]> {
  const touched = await touchedBy(
    client,
    `${tables.workflowJob} WHERE ranking = 0 AND source != 'backfill' AND ${insertedSince(sinceMs)}`,
  );
  await rankJobs(client, touched.jobs);
  return touched.runs;
}

/** The workflow runs of all attempts that were inserted since, UTC milliseconds. */
export const runsInsertedSince = async (client: ClickHouseClient, sinceMs: number): Promise<string[]> =>
  (await touchedBy(client, `${tables.workflowJob} WHERE ${insertedSince(sinceMs)}`)).runs;

const insertedSince = (ms: number) =>
  `_inserted_at >= fromUnixTimestamp64Milli(${Math.max(0, Math.floor(ms))})`;

type Touched = { jobs: string[]; runs: string[] };

const touchedBy = (client: ClickHouseClient, rows: string): Promise<Touched> =>
  readOne<Touched>(
    client,
    `SELECT groupUniqArray(toString(job_id)) AS jobs, groupUniqArray(toString(run_key)) AS runs FROM ${rows}`,
  );

const unique = (ids: Ids): string[] => [...new Set(ids)];

/** What is stored otherwise than the views say: nothing, unless somebody wrote and did not rank. */
export type Stale = { attempts: readonly Range[]; runs: readonly string[] };

/**
 * Looks at all there is, which takes seconds a million attempts. `since`: not at what was received before, where a
 * retention drops it from one table after another.
 */
export async function findStale(client: ClickHouseClient, since: DateTimeText = ''): Promise<Stale> {
  const day = since === '' ? '1970-01-01' : since.slice(0, 10);
  const attempts = await read<Range>(
    client,
    `SELECT ${rangeColumns} FROM oot_stale_ranges WHERE day >= '${day}'`,
  );
  const runs = await read<{ run: string }>(
    client,
    `SELECT toString(run_key) AS run FROM oot_stale_runs WHERE toDate(received_at) >= '${day}'`,
  );
  return { attempts, runs: runs.map(({ run }) => run) };
}

/** Puts right all that {@link findStale} finds. */
export async function rankEverything(client: ClickHouseClient): Promise<void> {
  // Day by day, so that each is read, and written to, once.
  await storeWhatIsFound(client, 'oot_stale_ranges', 'ORDER BY day');

  const version = await clickHouseTime(client);
  await client.command({
    query: `INSERT INTO ${tables.workflowRun}
      SELECT * EXCEPT (is_deleted), ${version} AS version, is_deleted FROM oot_stale_runs`,
    clickhouse_settings: settings,
  });
}

export type Range = {
  day: string;
  attempt: string;
  revision: string;
  found_after: string;
  found_until: string;
};

async function rankJobs(client: ClickHouseClient, jobs: Ids): Promise<void> {
  for (const some of chunksOf(jobs)) {
    // Nearly every job has one attempt, which is its newest as it was inserted.
    const several = await read<{ job: string }>(
      client,
      `SELECT toString(of) AS job FROM ${tables.attemptIndex} WHERE of IN (${numbers(some)})
      GROUP BY of HAVING uniqExact(day, attempt_id) > 1`,
    );
    if (several.length === 0) continue;
    await storeWhatIsFound(client, `oot_newest_ranges(jobs = [${numbers(several.map(({ job }) => job))}])`);
  }
}

/** One look finds, the next that all is stored; others who write attempts of the same jobs make a third necessary. */
const maxLooks = 20;

/** Stores the ranges that a view finds, until it finds none. */
async function storeWhatIsFound(client: ClickHouseClient, view: string, order = ''): Promise<void> {
  for (let looks = 0; looks < maxLooks; looks++) {
    const ranges = await read<Range>(client, `SELECT ${rangeColumns} FROM ${view} ${order}`);
    if (ranges.length === 0) return;
    for (const some of chunksOf(ranges)) await store(client, some);
  }
  throw new Error(
    `ClickHouse does not show the ranges of attempts that were stored, after ${maxLooks} looks: do all replicators talk to the same replica?`,
  );
}

const rangeColumns =
  'toString(day) AS day, toString(attempt_id) AS attempt, toString(revision) AS revision, toString(found_after) AS found_after, toString(found_until) AS found_until';

/** Writes these attempts again, with their ranges; but none that has become another revision since they were found. */
async function store(client: ClickHouseClient, ranges: readonly Range[]): Promise<void> {
  // Values alone: ClickHouse takes all of them as one, and counts each function call against max_ast_elements.
  const places = ranges.map(({ day, attempt }) => `('${day}', ${attempt})`);
  const found = ranges.map(
    ({ day, attempt, revision, found_after, found_until }) =>
      `('${day}', ${attempt}, ${revision}, '${found_after}', '${found_until}')`,
  );
  await client.command({
    query: `
      INSERT INTO ${tables.workflowJob}
      SELECT stored.* EXCEPT (attempt_id) REPLACE (
        toDateTime64(range.4, 3, 'UTC') AS newest_after, toDateTime64(range.5, 3, 'UTC') AS newest_until,
        greatest(toUnixTimestamp64Micro(now64(6)), stored.ranking + 1) AS ranking)
      FROM (
        SELECT *, attempt_id FROM ${tables.workflowJob}
        WHERE (toDate(received_at), attempt_id) IN (${places.join(', ')})
        ORDER BY row_version DESC
        LIMIT 1 BY toDate(received_at), attempt_id
      ) AS stored
      INNER JOIN (SELECT arrayJoin([${found.join(', ')}]) AS range) AS found
        ON toDate(range.1) = toDate(stored.received_at) AND range.2 = stored.attempt_id AND range.3 = stored.revision`,
    clickhouse_settings: settings,
  });
}

/** Works out workflow runs from their attempts, and stores them. `runs`: their ids, as {@link rankAttempts} returns them. */
export async function computeRuns(client: ClickHouseClient, runs: Ids): Promise<void> {
  for (const some of chunksOf(runs)) {
    const version = await clickHouseTime(client);
    await client.command({
      query: `
        INSERT INTO ${tables.workflowRun}
        SELECT * EXCEPT (is_deleted), ${version} AS version, is_deleted
        FROM oot_computed_runs(runs = [${numbers(some)}])`,
      clickhouse_settings: settings,
    });
  }
}

/** Microseconds, before anything that is read after it. */
async function clickHouseTime(client: ClickHouseClient): Promise<string> {
  const { us } = await readOne<{ us: string }>(
    client,
    'SELECT toString(toUnixTimestamp64Micro(now64(6))) AS us',
  );
  return us;
}

/** When runs were worked out last, UTC milliseconds by the clock of ClickHouse; 0 if never. */
export async function runsComputedAtMs(client: ClickHouseClient): Promise<number> {
  const { ms } = await readOne<{ ms: string }>(
    client,
    `SELECT toString(intDiv(max(version), 1000)) AS ms FROM ${tables.workflowRun}`,
  );
  return Number(ms);
}

/** So many jobs or runs are looked at in one query. */
const chunkSize = 5_000;
/** Of identities fewer: each can have some kilobytes. */
const identitiesAtOnce = 1_000;

function* chunksOf<T>(all: readonly T[], size = chunkSize): Generator<readonly T[]> {
  for (let start = 0; start < all.length; start += size) yield all.slice(start, start + size);
}

async function read<Row>(client: ClickHouseClient, query: string): Promise<Row[]> {
  const result = await client.query({ query, format: 'JSONEachRow', clickhouse_settings: settings });
  return result.json<Row>();
}

async function readOne<Row>(client: ClickHouseClient, query: string): Promise<Row> {
  const [row] = await read<Row>(client, query);
  if (!row) throw new Error('a query for one row gave none');
  return row;
}
