import { VariableRefresh } from '@grafana/grafana-foundation-sdk/dashboard';
import { compose } from './compose';
import { prBlocking, prCommit, prElsewhere, prSentence } from './panels/pr-head';
import { prBackends, prCommits, prFailedTests, prJobs, prWorkflows } from './panels/pr-tables';
import { prNumbersSql, prShasSql, prUpstreamsSql } from './queries/pr';
import { datasourceVariable, oneOf } from './variables';

/** Asked when the page opens: asked again at each refresh, Grafana would drop a PR that was typed in. */
const once = VariableRefresh.OnDashboardLoad;

export const prDashboard = () =>
  compose(
    'pr',
    'One pull request: which backends pass, which fail, and is it this PR? All of the PR, whatever the time range.',
    {
      variables: [
        datasourceVariable(),
        oneOf('upstream', 'Upstream', prUpstreamsSql).refresh(once),
        oneOf('pr', 'PR', prNumbersSql).refresh(once),
        oneOf('sha', 'Commit', prShasSql),
      ],
      bands: [
        {
          height: 4,
          panels: [
            { id: 1, width: 10, panel: prSentence() },
            { id: 2, width: 5, panel: prBlocking() },
            { id: 3, width: 5, panel: prElsewhere() },
            { id: 4, width: 4, panel: prCommit() },
          ],
        },
        { height: 9, panels: [{ id: 5, width: 24, panel: prBackends() }] },
        { height: 8, panels: [{ id: 9, width: 24, panel: prWorkflows() }] },
        { height: 13, panels: [{ id: 6, width: 24, panel: prJobs() }] },
        { title: 'Failed tests', height: 10, panels: [{ id: 7, width: 24, panel: prFailedTests() }] },
        { title: 'Earlier commits', height: 7, panels: [{ id: 8, width: 24, panel: prCommits() }] },
      ],
    },
  );
