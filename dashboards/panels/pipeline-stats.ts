import { config } from '../config';
import { fixedColor, steps, thresholdColor } from '../fields';
import {
  currentDelay,
  currentHours,
  lookBackDays,
  neverCompleted,
  newestAge,
  oldestHeartbeat,
  quarantined,
} from '../queries/pipeline';
import { displayName, statPanel } from './base';

const { colors, pipeline, silentHours } = config;
/** Of no backend in particular. */
const [nightlyOnly, perPullRequest] = [silentHours.nightlyOnly.default, silentHours.perPullRequest.default];

/** Is anything coming at all? */
export const newestResult = () =>
  statPanel(
    {
      title: 'Newest result',
      description:
        'How long ago ingest first saw the newest attempt (received_at, our clock), whatever the time range. ' +
        `Amber after ${nightlyOnly} h, red after ${perPullRequest} h without any.`,
      noData: `Nothing in the last ${lookBackDays} days`,
    },
    newestAge(),
  )
    .unit('s')
    .decimals(0)
    .colorScheme(thresholdColor())
    .thresholds(
      steps(
        [null, colors.success],
        [nightlyOnly * 3600, config.warningColor],
        [perPullRequest * 3600, colors.failure],
      ),
    );

/** How long does it take until a callback can be seen? */
export const delayNow = () =>
  statPanel(
    {
      title: 'Callback to row, p99 now',
      description:
        `From the write of an item by ingest to its row in ClickHouse, 99th percentile of what was written in the last ${currentHours} h. ` +
        `Green under ${pipeline.delayGoodSeconds} s, red from the target of ${pipeline.delayTargetSeconds} s. Only rows that came by the stream; copies say nothing.`,
      noData: `Nothing came by the stream in the last ${currentHours} h`,
    },
    currentDelay(),
  )
    .unit('s')
    .decimals(1)
    .colorScheme(thresholdColor())
    .thresholds(
      steps(
        [null, colors.success],
        [pipeline.delayGoodSeconds, config.warningColor],
        [pipeline.delayTargetSeconds, colors.failure],
      ),
    );

/** Does the replicator live? */
export const heartbeat = () =>
  statPanel(
    {
      title: 'Oldest heartbeat',
      description:
        'How long ago the replicator last read, with success, the shard that it read longest ago. ' +
        `Red from ${pipeline.heartbeatStaleMinutes.poller} min: results then stop here. Lambda reports only when something was written.`,
      noData: 'The replicator has never reported, or every shard was read to its end',
    },
    oldestHeartbeat(),
  )
    .unit('s')
    .decimals(0)
    .colorScheme(thresholdColor())
    .thresholds(steps([null, colors.success], [pipeline.heartbeatStaleMinutes.poller * 60, colors.failure]));

/** Is anything put aside? */
export const inQuarantine = () =>
  statPanel(
    {
      title: 'In quarantine now',
      description:
        'Changes that could not become rows and have not been replayed, of all time. Each is a result that no panel shows: ' +
        'see the list below, and npm run quarantine.',
      noData: 'The quarantine cannot be read',
    },
    quarantined(),
  )
    .unit('short')
    .colorScheme(thresholdColor())
    .thresholds(steps([null, colors.success], [1, colors.failure]));

/** Jobs whose completion never came. */
export const lostCounts = () =>
  statPanel(
    {
      title: 'Jobs never completed',
      description:
        `Of the time range, by the newest attempt. Overdue: running for more than ${config.overdueMinutes} min, so its completion was lost. ` +
        'Swept: the relay gave up on it; counted as timed out until the job itself reports.',
      noData: 'No job in the time range',
    },
    neverCompleted(),
  )
    .unit('short')
    .overrideByName('overdue', [
      displayName('Overdue'),
      { id: 'color', value: fixedColor(colors.overdue).build() },
    ])
    .overrideByName('swept', [
      displayName('Swept'),
      { id: 'color', value: fixedColor(colors.timed_out).build() },
    ]);
