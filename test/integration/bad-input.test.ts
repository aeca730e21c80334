import { formatReport, p99Ratio } from '../chaos/bad-input/report';
import { runBadInput } from '../chaos/bad-input/run';

/** The short form of `npm run test:chaos -- --bad-input`; that one judges times and memory too. */
it('lets nothing bad in, answers everything, and keeps taking what is valid', async () => {
  const report = await runBadInput({
    requests: 3_000,
    seed: 20261123,
    perSecond: 300,
    windows: 1,
    quietMs: 2_000,
    judgesTimes: false,
  });
  if (report.breaches.size > 0) console.error(formatReport(report));
  expect([...report.breaches.keys()]).toEqual([]);
  expect(report.rows.reduce((sum, { sent }) => sum + sent, 0)).toBe(3_000);
  expect(report.rows.length).toBeGreaterThan(25);
  expect(report.items.accepted).toBeGreaterThan(100);
  expect(report.calmSent).toBeGreaterThan(500);
  expect(p99Ratio(report)).toBeGreaterThan(0);
});
