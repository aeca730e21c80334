import { config } from '../config';
import { steps } from '../fields';
import { linkOut } from '../links';
import {
  completeness,
  listedEntries,
  lookBackDays,
  lostJobs,
  newestQuarantined,
  shards,
} from '../queries/pipeline';
import { settingText } from '../settings';
import { backendCell, cellLinks, linkToColumn, ownUrl } from './cell-links';
import {
  decimals,
  displayName,
  empty,
  gaugeCell,
  hidden,
  noPullRequest,
  outcomeText,
  tablePanel,
  unit,
  width,
} from './base';

const { colors, pipeline, silentHours } = config;

const ageCell = (name: string, warnSeconds: number) => [
  displayName(name),
  empty('never'),
  unit('s'),
  decimals(0),
  width(140),
  { id: 'thresholds', value: steps([null, colors.success], [warnSeconds, colors.failure]).build() },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];

/** Where the replicator stands in each shard. */
export const shardTable = () =>
  tablePanel(
    {
      title: 'Replication, by shard',
      description:
        `Heartbeat: how long ago the shard was last read with success, red from ${pipeline.heartbeatStaleMinutes.poller} min. Newest record: the age of the ` +
        'newest confirmed record; it grows while nobody writes, so it alone means nothing. Delay: from DynamoDB to the confirmation by ' +
        `ClickHouse of that record, red from ${pipeline.delayTargetSeconds} s. Position: everything up to it is confirmed. Shards that were read to their end are gone.`,
      noData: 'The replicator has never reported, or every shard was read to its end',
    },
    shards(),
  )
    .overrideByName('shard_id', [displayName('Shard'), width(330)])
    .overrideByName('replicator', [displayName('Replicator'), width(100)])
    .overrideByName('heartbeat_age', ageCell('Heartbeat', pipeline.heartbeatStaleMinutes.poller * 60))
    .overrideByName('newest_record_age', [
      displayName('Newest record'),
      empty('none yet'),
      unit('s'),
      decimals(0),
      width(140),
    ])
    .overrideByName('delay_seconds', ageCell('Delay', pipeline.delayTargetSeconds))
    .overrideByName('position', [displayName('Position'), empty('none yet')])
    .overrideByName('stream_arn', [displayName('Stream'), hidden]);

/** What is in quarantine, newest first. */
export const quarantineTable = () =>
  tablePanel(
    {
      title: 'In quarantine, newest first',
      description:
        `The newest ${listedEntries} changes that could not become rows and have not been replayed, of all time, with what is wrong. ` +
        'npm run quarantine shows the records and replays them.',
      noData: 'Nothing is in quarantine: every change has become a row',
    },
    newestQuarantined(),
  )
    .overrideByName('quarantined_at', [displayName('Put aside'), unit('dateTimeFromNow'), width(140)])
    .overrideByName('reason', [displayName('Reason'), width(180)])
    .overrideByName('detail', [displayName('What is wrong'), empty('–'), width(320)])
    .overrideByName('source', [displayName('From'), width(90)])
    .overrideByName('dynamo_key', [displayName('Item'), empty('no key')]);

/** What each backend's attempts lack. */
export const completenessTable = () => {
  const lacks = {
    no_start: 'No start',
    no_queue_time: 'No queue time',
    no_tests: 'No tests',
    no_sha: 'No SHA',
  } as const;
  const panel = tablePanel(
    {
      title: 'What is missing, by backend',
      description:
        'Shares of the attempts first seen in the time range. No start: without started_at (of all). No queue time: of first attempts only, ' +
        'a re-run has none that means anything; some versions of the relay send it with the first job of a run, so a high share here is not a ' +
        'fault by itself. No tests: of completed attempts, without a count of tests; builds and probes have none. No SHA: without the upstream ' +
        `commit (of all). Newest: the age of the newest attempt in the last ${lookBackDays} days, red after ${settingText(silentHours.perPullRequest)} h; never ones first.`,
      noData: 'No backend is registered, and none has reported',
    },
    completeness(),
  )
    .thresholds(steps([null, colors.neutral]))
    .overrideByName('downstream_repo', backendCell)
    .overrideByName('level', [displayName('Level'), empty('–'), width(70)])
    .overrideByName('attempts', [displayName('Attempts'), width(100)])
    .overrideByName('newest_age', ageCell('Newest', silentHours.perPullRequest.default * 3600));
  for (const [column, name] of Object.entries(lacks)) {
    panel.overrideByName(column, [
      displayName(name),
      empty('unknown'),
      unit('percentunit'),
      decimals(1),
      ...gaugeCell(0, 1),
    ]);
  }
  return panel;
};

/** The jobs that never completed. */
export const lostTable = () =>
  tablePanel(
    {
      title: 'Jobs never completed, newest first',
      description:
        `The newest ${listedEntries} jobs of the time range whose newest attempt is overdue (running for more than ${config.overdueMinutes} min: its completion ` +
        'was lost) or was swept (the relay gave up on it, and the job itself never reported).',
      noData: 'Every job of the time range has completed, or may still be running',
    },
    lostJobs(),
  )
    .overrideByName('received_at', [displayName('First seen'), unit('dateTimeFromNow'), width(140)])
    .overrideByName('how', [displayName('How'), width(90), ...outcomeText])
    .overrideByName('downstream_repo', backendCell)
    .overrideByName('upstream_repo', [displayName('Upstream'), width(140)])
    .overrideByName('pr_number', [
      displayName('PR'),
      unit('none'),
      width(90),
      noPullRequest,
      cellLinks(linkToColumn('On GitHub', 'pull_request_url')),
    ])
    .overrideByName('workflow_name', [displayName('Workflow'), width(150)])
    .overrideByName('job_name', [displayName('Job')])
    .overrideByName('run_attempt', [displayName('Attempt'), width(80)])
    .overrideByName('workflow_run_url', [
      displayName('Run'),
      empty('–'),
      width(90),
      cellLinks(linkOut('Run', ownUrl)),
    ])
    .overrideByName('pull_request_url', [hidden]);
