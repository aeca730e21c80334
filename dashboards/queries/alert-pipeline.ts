import { config } from '../config';
import { sql } from '../sql';
import { evaluatedAt, oneLimit } from './alert-instances';
import { currentDelay, oldestHeartbeat } from './pipeline';

const { pipeline, alerts } = config;

/** Seconds since the shard was read that was read longest ago, by kind of replicator; no row without a heartbeat. */
export const heartbeatAge = () => oldestHeartbeat({ now: evaluatedAt, by: 'replicator' });

export const heartbeatLimit = () =>
  Object.entries(pipeline.heartbeatStaleMinutes)
    .map(([replicator, minutes]) => `SELECT '${replicator}' AS replicator, ${minutes * 60} AS value`)
    .join(' UNION ALL ');

/**
 * Seconds for which ClickHouse has not measured what readiness is decided by: if it never did, since the allowlist was
 * loaded. No row where there is nobody to measure.
 */
export const readinessAge = () => sql`
    SELECT dateDiff('millisecond', if(count() > 0, max(measured_at), (SELECT max(loaded_at) FROM oot_backends)), ${evaluatedAt}) / 1000 AS value
    FROM oot_readiness
    HAVING count() > 0 OR (SELECT count() FROM oot_backends) > 0`;

export const readinessAgeLimit = () => oneLimit(pipeline.readinessStaleMinutes * 60);

/** Seconds, 99th percentile; NULL where nothing came by the stream. */
export const delay = () => currentDelay({ now: evaluatedAt });

export const delayLimit = () => oneLimit(pipeline.delayTargetSeconds);

/** Changes that came to quarantine lately and were still there at the moment. */
export const quarantinedLately = () => sql`
    SELECT countIf(resolved_at IS NULL OR resolved_at > ${evaluatedAt}) AS value
    FROM oot_quarantine
    WHERE quarantined_at >= ${evaluatedAt} - INTERVAL ${alerts.quarantineHours} HOUR AND quarantined_at < ${evaluatedAt}`;

export const quarantineLimit = () => oneLimit(0);
