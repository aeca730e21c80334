import { sql } from '../sql';

/**
 * A condition on attempts that finds those of some days of each backend, by what oot_activity_day says: `holds`, of a row
 * of it, by what is `known` of the backend (columns, summed up from the rows that meet `condition`).
 *
 * What an attempt once was stays there. So a day is certain to hold something where a job reported it itself, which
 * changes no more, and where no attempt that was received on it was deleted since (`is_intact`).
 */
export const onActivityDays = ({
  known,
  holds,
  condition = '1',
}: {
  known: string;
  holds: string;
  condition?: string;
}): string => sql`
(toDate(received_at), downstream_repo) IN (
  SELECT received_day, downstream_repo
  FROM oot_activity_day
  INNER JOIN (
    SELECT downstream_repo, ${known}
    FROM (
      SELECT
        *,
        (downstream_repo, received_day) NOT IN (SELECT downstream_repo, received_day FROM oot_activity_day WHERE state = 'deleted') AS is_intact
      FROM oot_activity_day
    )
    WHERE ${condition}
    GROUP BY downstream_repo
  ) AS known USING (downstream_repo)
  WHERE (${holds}) AND ${condition}
)`;

/** The backends that certainly have had a result for which `holds` is true, before the day (UTC) of a time. */
const backendsWithCertain = (holds: string, at: string): string => sql`
    SELECT downstream_repo
    FROM oot_activity_day
    WHERE state = 'reported' AND settled_day < toDate(${at}, 'UTC') AND (${holds})
      AND (downstream_repo, received_day) NOT IN (SELECT downstream_repo, received_day FROM oot_activity_day WHERE state = 'deleted')`;

/** The backends that have had a result for which `holds` is true by a time. Most are certain to, without a look at attempts. */
export const backendsWithResult = (holds: string, at: string): string => sql`
    ${backendsWithCertain(holds, at)}
    UNION ALL
    SELECT downstream_repo
    FROM oot_attempts
    WHERE (toDate(received_at), downstream_repo) IN (
        SELECT received_day, downstream_repo
        FROM oot_activity_day
        WHERE state IN ('swept', 'reported') AND (${holds})
          AND downstream_repo NOT IN (${backendsWithCertain(holds, at)}))
      AND outcome != 'running' AND settled_at <= ${at} AND received_at < ${at} AND (${holds})`;
