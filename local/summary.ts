import pc from 'picocolors';
import type { ClickHouseClient } from '../clickhouse/client';

/** One line of the table: a registered backend over the last seven days. Null: there is nothing to say. */
export type BackendSummary = {
  repo: string;
  level: string;
  successRate: number | null;
  jobs: number;
  running: number;
  medianDurationSeconds: number | null;
  lastResultSecondsAgo: number | null;
};

/** All registered backends, worst first; those without a rate come last. */
export async function readSummary(client: ClickHouseClient): Promise<BackendSummary[]> {
  const result = await client.query({
    query: `
      SELECT
          b.repo AS repo,
          b.level AS level,
          if(countIf(j.is_counted) = 0, NULL, countIf(j.is_counted AND j.is_as_expected) / countIf(j.is_counted)) AS successRate,
          toUInt32(countIf(j.dynamoKey IS NOT NULL)) AS jobs,
          toUInt32(countIf(j.outcome = 'running')) AS running,
          quantileExactInclusiveIf(0.5)(j.duration_seconds, j.is_counted) AS medianDurationSeconds,
          dateDiff('second', max(if(j.outcome = 'running', NULL, ifNull(j.outcome_at, j.received_at))), now64(3)) AS lastResultSecondsAgo
      FROM oot_backends AS b
      LEFT JOIN oot_jobs_between(from = now() - INTERVAL 7 DAY, to = now() + INTERVAL 1 HOUR) AS j
          ON j.downstream_repo = b.repo
      GROUP BY repo, level
      ORDER BY successRate ASC NULLS LAST, level DESC, repo`,
    format: 'JSONEachRow',
    clickhouse_settings: { join_use_nulls: 1, output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<BackendSummary>();
}

/** The pull request that somebody reported on last: something to look at. Null where there is none. */
export async function newestPr(client: ClickHouseClient): Promise<{ upstream: string; pr: number } | null> {
  const result = await client.query({
    query: `
      SELECT upstream_repo AS upstream, toUInt32(pr_number) AS pr
      FROM oot_attempts
      WHERE pr_number > 0
      ORDER BY received_at DESC
      LIMIT 1`,
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ upstream: string; pr: number }>();
  return row ?? null;
}

/** The table for a terminal. Thresholds of the colours are those of the HUD: green from 95 %, amber from 80 %. */
export function formatSummary(rows: BackendSummary[]): string {
  const cells = rows.map((row) => [
    row.repo,
    row.level,
    row.successRate === null ? '-' : `${(row.successRate * 100).toFixed(1)} %`,
    String(row.jobs),
    String(row.running),
    row.medianDurationSeconds === null ? '-' : formatSeconds(row.medianDurationSeconds),
    row.lastResultSecondsAgo === null ? 'never' : `${formatSeconds(row.lastResultSecondsAgo)} ago`,
  ]);
  const head = ['backend (7 days)', 'level', 'success', 'jobs', 'running', 'median', 'last result'];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => (line[column] ?? '').length)),
  );
  const pad = (line: string[]) =>
    line.map((cell, column) =>
      column === 0 || column === 6 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  const lines = cells.map((line, index) => {
    const padded = pad(line);
    const rate = rows[index]?.successRate ?? null;
    const colour = rate === null ? pc.dim : rate >= 0.95 ? pc.green : rate >= 0.8 ? pc.yellow : pc.red;
    return padded.map((cell, column) => (column === 2 ? colour(cell) : cell)).join('  ');
  });
  return [pc.bold(pad(head).join('  ')), ...lines].join('\n');
}

/** `45 s`, `12 min`, `3.5 h`, `4 d`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
