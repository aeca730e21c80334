import { sql } from '../sql';

/*
 * On which days to look, by oot_activity_day. What an attempt once was stays there. So a day is certain to hold something
 * where a job reported it itself, which changes no more, and where no attempt that was received on it was deleted since.
 */

const isIntact = `(downstream_repo, received_day) NOT IN (SELECT downstream_repo, received_day FROM oot_activity_day WHERE state = 'deleted')`;

/** A condition on attempts that finds those of each backend's last intact day, and of the days after it. */
export const onNewestDays = sql`
(toDate(received_at), downstream_repo) IN (
  SELECT received_day, downstream_repo
  FROM oot_activity_day
  INNER JOIN (
    SELECT downstream_repo, maxIf(received_day, ${isIntact}) AS newest_day
    FROM oot_activity_day
    GROUP BY downstream_repo
  ) AS known USING (downstream_repo)
  WHERE received_day >= newest_day
)`;

/** The backends that certainly have had a result for which `holds` is true, before the day (UTC) of a time. */
const backendsWithCertain = (holds: string, at: string): string => sql`
    SELECT downstream_repo
    FROM oot_activity_day
    WHERE state = 'reported' AND settled_day < toDate(${at}, 'UTC') AND (${holds})
      AND ${isIntact}`;

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
