import pc from 'picocolors';
import { config as dashboards } from '../dashboards/config';
import type { LocalConfig } from './config';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** What a person can do next; every line works when pasted. */
export function sayHowTo(told: {
  config: LocalConfig;
  token: string;
  readToken: string;
  /** One to look at. */
  pr: { upstream: string; pr: number } | null;
  dynamoEndpoint: string;
  clickHouseUrl: string;
  logDir: string;
  /** Where Grafana is, or how to get one. */
  grafana: { url: string } | { missing: string };
}): void {
  const { config, token, dynamoEndpoint, clickHouseUrl } = told;
  const ingestUrl = `http://127.0.0.1:${config.PORT}`;
  const example = JSON.stringify({
    trusted: {
      verified_repo: 'pytorch-labs/ascend-pytorch',
      downstream_repo_level: 'L3',
      ci_metrics: { queue_time: 12.5 },
    },
    untrusted: {
      callback_payload: {
        event_type: 'pull_request',
        delivery_id: 'by-hand',
        payload: { pull_request: { number: 1, head: { sha: 'abc123' } } },
        workflow: {
          status: 'in_progress',
          name: 'ci',
          job_name: 'by hand',
          check_run_id: 1,
          run_id: 1,
          run_attempt: 1,
        },
      },
    },
  });
  const { grafana } = told;
  say(
    `${pc.bold('Dashboards')}  ${'url' in grafana ? `${grafana.url}/d/${dashboards.dashboards.summary.uid}` : pc.dim(grafana.missing)}`,
  );
  say(`${pc.bold('Token')}       ${token}`);
  say(
    `${pc.bold('Post one')}    curl -sS ${ingestUrl}/api/crcr/results -H 'Content-Type: application/json' -H 'x-hud-internal-bot: ${token}' -d '${example}'`,
  );
  say(
    `${pc.bold('Look at it')}  curl -sS '${clickHouseUrl}/?query=SELECT+*+FROM+oot_jobs+WHERE+pr_number=1+FORMAT+Vertical'`,
  );
  const { upstream, pr } = told.pr ?? { upstream: 'pytorch/pytorch', pr: 1 };
  say(
    `${pc.bold('Ask for it')}  curl -sS 'http://127.0.0.1:${config.API_PORT}/api/oot/prs/${upstream}/${pr}?format=markdown' -H 'Authorization: Bearer ${told.readToken}'`,
  );
  say(
    `${pc.bold('Compare')}     DYNAMODB_ENDPOINT=${dynamoEndpoint} CLICKHOUSE_URL=${clickHouseUrl} npm run verify`,
  );
  const demoEnv = config.PORT === 8080 ? '' : `INGEST_URL=${ingestUrl} `;
  const dataEnv =
    config.DATA_DIR === '.data' ? '' : `DATA_DIR='${config.DATA_DIR.replaceAll("'", "'\\''")}' `;
  say(`${pc.bold('Keep going')}  ${demoEnv}${dataEnv}npm run demo`);
  say(`${pc.bold('Logs')}        ${told.logDir}/`);
  say(pc.dim('Ctrl-C stops everything.'));
}
