import { deepStrictEqual } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Backend } from '../../clickhouse/backends';
import { allRuleGroups } from '../../dashboards/alerts/all';
import { durationMs } from '../../dashboards/alerts/rule';
import { config } from '../../dashboards/config';
import { committedInstance } from '../../dashboards/instance';
import { settingOf } from '../../dashboards/settings';
import type { WireBody } from '../../local/demo/jobs';
import { postCallback } from '../../local/demo/relay-client';
import { poll } from './poll';
import { rulesOf } from './rules';
import type { Stack } from './stack';

/** Where ingest listens, and a token of the relay. */
export type Ingest = { url: string; token: string };

/** A registered backend that is not broken, and for which nobody else sends callbacks meanwhile. */
export type Subject = Pick<Backend, 'repo' | 'level' | 'oncalls'>;

/**
 * Of the rules, the one that callbacks alone bring to firing soonest: as many failed jobs as its limit says, and its
 * wait of some minutes. All others need days of history, hours of silence, or something in quarantine.
 */
const ruleName = 'OotBackendBroken';

const alertsSchema = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    annotations: z.record(z.string(), z.string()),
    receivers: z.array(z.object({ name: z.string() })),
  }),
);

/** How long the rule may take: what it waits itself, two evaluations, and what a busy machine adds. Milliseconds. */
export function alertTimeoutsMs(busyMs = 180_000): Pick<Stack['timeoutsMs'], 'evaluated' | 'firing'> {
  const { rule, every } = ruleOf(ruleName);
  const evaluated = 2 * durationMs(every) + busyMs;
  return { evaluated, firing: evaluated + durationMs(rule.for) };
}

/**
 * Waits until the rule says that the backend is well, then sends failed jobs of it to ingest. What is returned waits
 * for the alert in Grafana's Alertmanager, and checks its labels, texts and receiver. Throws what does not hold.
 */
export async function bringToFiring(stack: Stack, subject: Subject): Promise<() => Promise<void>> {
  const { grafana, say, pollMs, timeoutsMs } = stack;
  const { rule } = ruleOf(ruleName);
  const { repo, level } = subject;
  const isSubject = ({ labels }: { labels: Record<string, string> }) => labels.backend === repo;
  const stateNow = async () => {
    const found = (await rulesOf(grafana)).find(({ name }) => name === ruleName);
    return found?.instances.find(isSubject)?.state;
  };

  say(`--- ${ruleName} of ${repo}: well before`);
  const before = await poll(stateNow, {
    pollMs,
    timeoutMs: timeoutsMs.evaluated,
    explain: () =>
      Promise.resolve(`${ruleName} has no instance for ${repo}: is the demo's allowlist loaded?`),
  });
  if (!before.startsWith('Normal'))
    throw new Error(
      `${ruleName} of ${repo} is ${before} already, so callbacks can't bring it to firing: start the stack anew (docker compose down -v)`,
    );

  const count = settingOf(config.state.brokenJobs, level, repo);
  await sendFailures(stack.ingest, subject, count);
  say(`${count} failed jobs of ${repo} sent; it has to fire within some minutes`);
  const sentMs = Date.now();

  return async () => {
    const alert = await poll(
      async () =>
        alertsSchema
          .parse(await grafana.get('api/alertmanager/grafana/api/v2/alerts'))
          .find((one) => one.labels.alertname === ruleName && isSubject(one)),
      {
        pollMs,
        timeoutMs: timeoutsMs.firing,
        explain: async () =>
          `${ruleName} of ${repo} did not fire: the rule says ${(await stateNow()) ?? 'nothing of it'}`,
      },
    );
    const expected: Record<string, string> = {
      alertname: ruleName,
      grafana_folder: committedInstance.rulesFolder.title,
      backend: repo,
      level,
      severity: settingOf(config.alerts.backendSeverity, level, repo),
      oncall: subject.oncalls.join(', '),
    };
    deepStrictEqual(pick(alert.labels, Object.keys(expected)), expected, 'the labels of the alert');
    deepStrictEqual(
      alert.receivers.map(({ name }) => name),
      [committedInstance.receiver.name],
      'whom the alert tells',
    );
    deepStrictEqual(alert.annotations.summary, rule.summary, 'the summary of the alert');
    const text = alert.annotations.description ?? '';
    if (!text.includes(repo) || text.includes('{{'))
      throw new Error(`the description of the alert is not filled in: ${text}`);
    say(`it fires ${Math.round((Date.now() - sentMs) / 1_000)} s after the callbacks: ${text}`);
  };
}

function ruleOf(name: string) {
  for (const { every, rules } of allRuleGroups()) {
    const rule = rules.find((one) => one.name === name);
    if (rule) return { rule, every };
  }
  throw new Error(`${name} is no rule`);
}

const pick = (from: Record<string, string>, names: string[]) =>
  Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]]] : [])));

/** As the relay sends them: the ends of jobs of one run on a PR that nobody has. */
async function sendFailures({ url, token }: Ingest, subject: Subject, count: number): Promise<void> {
  const target = {
    url: `${url.replace(/\/+$/, '')}/api/oot/results`,
    token,
    signal: new AbortController().signal,
  };
  const run = randomBytes(6).toString('hex');
  const sha = randomBytes(20).toString('hex');
  const endMs = Date.now();
  for (let number = 1; number <= count; number++) {
    const body = failure(subject, { run, sha, number, endMs });
    const status = await postCallback(target, body);
    deepStrictEqual(status, 200, `ingest's answer to callback ${number}`);
  }
}

const failure = (
  { repo, level }: Subject,
  { run, sha, number, endMs }: { run: string; sha: string; number: number; endMs: number },
): WireBody => ({
  trusted: {
    verified_repo: repo,
    downstream_repo_level: level,
    ci_metrics: { queue_time: null, execution_time: 600 },
  },
  untrusted: {
    callback_payload: {
      event_type: 'pull_request',
      delivery_id: `smoke-${run}`,
      payload: {
        action: 'synchronize',
        pull_request: { number: 1, head: { sha } },
        repository: { full_name: 'pytorch/pytorch' },
      },
      workflow: {
        schema_version: '1',
        status: 'completed',
        conclusion: 'failure',
        name: 'smoke',
        url: `https://github.com/${repo}/actions/runs/1`,
        job_name: `smoke ${number}`,
        check_run_id: `smoke-${run}-${number}`,
        run_id: `smoke-${run}`,
        run_attempt: 1,
        started_at: new Date(endMs - 600_000).toISOString(),
        completed_at: new Date(endMs).toISOString(),
      },
    },
  },
});
