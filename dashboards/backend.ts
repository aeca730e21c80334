import { AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { tableQuery, variableDatasource } from './clickhouse-query';
import { compose } from './compose';
import { config } from './config';
import {
  badSincePanel,
  executionPanel,
  lastJobsPanel,
  levelPanel,
  oncallsPanel,
  overrunRatePanel,
  queuePanel,
  statePanel,
  successRatePanel,
  timeoutRatePanel,
} from './panels/backend-card';
import { attemptsPanel, environmentsPanel, flakiestJobsPanel, slowestJobsPanel } from './panels/backend-jobs';
import { matrixPanel } from './panels/backend-matrix';
import { failingTestsPanel, unnamedTestsPanel } from './panels/backend-tests';
import { durationOverTimePanel, queueOverTimePanel, successRateOverTimePanel } from './panels/backend-trends';
import { brokenAnnotationSql, recoveredAnnotationSql } from './queries/backend-streaks';
import {
  datasourceVariable,
  eventTypeVariable,
  jobVariable,
  oneBackendVariable,
  outcomeVariable,
  workflowVariable,
} from './variables';
import { settingText } from './settings';

const annotation = (name: string, rawSql: string, color: string) =>
  new AnnotationQueryBuilder()
    .name(name)
    .datasource(variableDatasource)
    .enable(true)
    .iconColor(color)
    .target(tableQuery(rawSql));

export const backendDashboard = () =>
  compose(
    'backend',
    'One backend: is it well, since when not, in which job, on which commit and in which test. Every number by the definitions of the views; each panel says what it counts.',
    {
      variables: [
        datasourceVariable(),
        oneBackendVariable(),
        workflowVariable(),
        jobVariable(),
        outcomeVariable(),
        eventTypeVariable(),
      ],
      annotations: [
        annotation(
          `Broken (${settingText(config.state.brokenJobs)} bad jobs in a row)`,
          brokenAnnotationSql(),
          config.colors.failure,
        ),
        annotation('Recovered', recoveredAnnotationSql(), config.colors.success),
      ],
      bands: [
        {
          height: 4,
          panels: [
            { id: 1, width: 3, panel: statePanel() },
            { id: 2, width: 3, panel: badSincePanel() },
            { id: 3, width: 2, panel: levelPanel() },
            { id: 4, width: 4, panel: oncallsPanel() },
            { id: 5, width: 3, panel: successRatePanel() },
            { id: 6, width: 3, panel: queuePanel() },
            { id: 7, width: 2, panel: timeoutRatePanel() },
            { id: 8, width: 2, panel: overrunRatePanel() },
            { id: 9, width: 2, panel: executionPanel() },
          ],
        },
        { height: 3, panels: [{ id: 10, width: 24, panel: lastJobsPanel() }] },
        { title: 'Commits', height: 14, panels: [{ id: 20, width: 24, panel: matrixPanel() }] },
        {
          title: 'Failing tests',
          height: 11,
          panels: [
            { id: 30, width: 21, panel: failingTestsPanel() },
            { id: 31, width: 3, panel: unnamedTestsPanel() },
          ],
        },
        {
          title: 'Over time',
          height: 11,
          panels: [
            { id: 40, width: 12, panel: successRateOverTimePanel() },
            { id: 41, width: 12, panel: durationOverTimePanel() },
          ],
        },
        {
          title: 'Jobs',
          height: 9,
          panels: [
            { id: 50, width: 12, panel: slowestJobsPanel() },
            { id: 51, width: 12, panel: flakiestJobsPanel() },
          ],
        },
        {
          height: 8,
          panels: [
            { id: 42, width: 12, panel: queueOverTimePanel() },
            { id: 60, width: 12, panel: environmentsPanel() },
          ],
        },
        { title: 'Attempts', height: 14, panels: [{ id: 70, width: 24, panel: attemptsPanel() }] },
      ],
    },
  );
