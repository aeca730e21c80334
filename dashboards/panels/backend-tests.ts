import { config } from '../config';
import { fixedColor } from '../fields';
import { unnamedTestsSql } from '../queries/backend-card';
import { failingTestsSql, testRows } from '../queries/backend-tests';
import { displayName, hidden, statPanel, tablePanel, unit, width } from './base';
import { cellLinks, linkToColumn } from './cell-links';

const whatIsChosen = 'Follows the workflows, jobs and event types chosen above.';

export const failingTestsPanel = () =>
  tablePanel(
    {
      title: 'Failing tests',
      description: `Tests that jobs named as failed, each job by its newest attempt: in how many jobs and on how many pull requests, the most jobs first, at most ${testRows}. The message is that of the newest job that has one; a click on a name opens the newest run. ${whatIsChosen}`,
      noData: 'No job named a failed test in this time range',
    },
    failingTestsSql(),
  )
    .overrideByName('test', [
      displayName('Test'),
      width(430),
      { id: 'custom.inspect', value: true },
      cellLinks(linkToColumn('The newest run', 'newest_run_url')),
    ])
    .overrideByName('jobs', [displayName('Jobs'), width(65)])
    .overrideByName('pull_requests', [displayName('PRs'), width(65)])
    .overrideByName('first_seen', [displayName('First seen'), unit('dateTimeFromNow'), width(110)])
    .overrideByName('last_seen', [displayName('Last seen'), unit('dateTimeFromNow'), width(110)])
    .overrideByName('newest_message', [displayName('Newest message'), { id: 'custom.inspect', value: true }])
    .overrideByName('in_jobs', [displayName('In'), width(220), { id: 'custom.inspect', value: true }])
    .overrideByName('newest_run_url', [hidden]);

export const unnamedTestsPanel = () =>
  statPanel(
    {
      title: 'Not in the list',
      description: `Entries that were cut: failed tests that were sent but did not fit into the job's item. Jobs without names: counted jobs that went bad and named no failed test at all. ${whatIsChosen}`,
      noData: 'no jobs',
    },
    unnamedTestsSql(),
  )
    .unit('short')
    .decimals(0)
    .colorScheme(fixedColor(config.colors.none))
    .overrideByName('entries_cut', [displayName('entries cut')])
    .overrideByName('bad_jobs_without_tests', [displayName('bad jobs without names')]);
