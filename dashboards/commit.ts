import { VariableRefresh } from '@grafana/grafana-foundation-sdk/dashboard';
import { compose } from './compose';
import {
  commitBackends,
  commitElsewhere,
  commitEvents,
  commitFailedTests,
  commitJobs,
  commitSentence,
  commitsWithoutPr,
  commitWorkflows,
} from './panels/commit-panels';
import { commitEventListSql, commitShasSql, commitUpstreamsSql } from './queries/commit';
import { anyOf, datasourceVariable, oneOf } from './variables';

/** Asked when the page opens: asked again at each refresh, Grafana would drop a commit that a link or a person chose. */
const once = VariableRefresh.OnDashboardLoad;

export const commitDashboard = () =>
  compose(
    'commit',
    'One commit without a pull request, as it was pushed or as a nightly took it: which backends pass, and which fail? All of the commit, whatever the time range.',
    {
      variables: [
        datasourceVariable(),
        oneOf('upstream', 'Upstream', commitUpstreamsSql).refresh(once),
        oneOf('sha', 'Commit', commitShasSql).refresh(once),
        anyOf('event', 'Event', commitEventListSql),
      ],
      bands: [
        {
          height: 4,
          panels: [
            { id: 1, width: 11, panel: commitSentence() },
            { id: 2, width: 7, panel: commitElsewhere() },
            { id: 3, width: 6, panel: commitEvents() },
          ],
        },
        { height: 9, panels: [{ id: 4, width: 24, panel: commitBackends() }] },
        { height: 8, panels: [{ id: 5, width: 24, panel: commitWorkflows() }] },
        { height: 13, panels: [{ id: 6, width: 24, panel: commitJobs() }] },
        { title: 'Failed tests', height: 10, panels: [{ id: 7, width: 24, panel: commitFailedTests() }] },
        {
          title: 'Commits before it and after it',
          height: 10,
          panels: [{ id: 8, width: 24, panel: commitsWithoutPr() }],
        },
      ],
    },
  );
