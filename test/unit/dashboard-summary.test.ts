import { config } from '../../dashboards/config';
import { backendStates, stateCode } from '../../dashboards/queries/backend-states';
import { summaryDashboard } from '../../dashboards/summary';

type Shown = {
  id: number;
  type: string;
  title: string;
  description?: string;
  targets?: { rawSql: string }[];
  fieldConfig?: { defaults: { noValue?: string; unit?: string }; overrides: unknown[] };
};
const dashboard = summaryDashboard();
const panels = (dashboard.panels as unknown as Shown[]).filter(({ type }) => type !== 'row');

describe('oot-summary', () => {
  it('keeps its uid and the ids of its panels: alerts and links point at them', () => {
    expect(dashboard.uid).toBe('oot-summary');
    expect(panels.map(({ id, title }) => `${id} ${title}`)).toEqual([
      '1 Backends failing now',
      '2 Success rate',
      '3 Jobs',
      '4 Running',
      '5 Overdue',
      '6 Silent backends',
      '7 Newest result',
      '10 Backends, worst first',
      '20 State of each backend',
      '21 Success rate by backend',
      '30 Breakage shared by backends: the upstream suspects',
      '40 Failures by backend',
      '41 Failures by job',
    ]);
  });

  it.each(panels)(
    'says of "$title" what is counted and what nothing means',
    ({ description, fieldConfig }) => {
      expect(description?.length).toBeGreaterThan(60);
      expect(fieldConfig?.defaults.noValue).toMatch(/\w+ \w+/);
    },
  );

  it('reads the views only', () => {
    for (const { targets } of panels) {
      const read = [...targets![0]!.rawSql.matchAll(/\boot_\w+/g)].map(([name]) => name);
      expect([
        'oot_newest_results',
        'oot_attempts',
        'oot_backends',
        'oot_jobs_as_of',
        'oot_jobs_between',
        'oot_runs_between',
      ]).toEqual(expect.arrayContaining(read));
    }
  });

  it('quotes every variable by Grafana and leaves no escape of TypeScript behind', () => {
    for (const { targets } of panels) {
      const { rawSql } = targets![0]!;
      expect(rawSql).not.toContain('\\');
      expect(rawSql.match(/\$\{\w+(?!\w*:singlequote)/g)).toBeNull();
    }
  });

  it('names the thresholds that decide a state', () => {
    const { lastJobs, maxAgeDays, brokenJobs, minJobs } = config.state;
    const { description } = panels.find(({ id }) => id === 10)!;
    for (const part of [
      `newest ${lastJobs.default} counted jobs`,
      `last ${maxAgeDays.default} days`,
      `newest ${brokenJobs.default} all bad`,
      `fewer than ${minJobs.default}`,
      `${config.silentHours.perPullRequest.default} h (${config.silentHours.nightlyOnly.default} h`,
      'under 80 % (L4: 90 %)',
      'under 95 %',
    ]) {
      expect(description).toContain(part);
    }
  });

  it('numbers the states from 1, worst first', () => {
    expect(backendStates.map(stateCode)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is the same every time it is built', () => {
    expect(JSON.stringify(summaryDashboard())).toBe(JSON.stringify(dashboard));
  });
});
