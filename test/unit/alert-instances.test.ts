import { limitByBackend } from '../../dashboards/queries/alert-instances';
import { setting, type Setting } from '../../dashboards/settings';
import type { Severity } from '../../dashboards/config';

const severity = setting('info') as Setting<Severity>;

describe('limitByBackend', () => {
  it('is one row without labels where the limit is the same for all', () => {
    expect(limitByBackend(severity, setting(5))).toBe('SELECT 5 AS value');
  });

  it('is a row a backend where one has a limit of its own', () => {
    const sql = limitByBackend(severity, setting(5, { backends: { 'a/b': 7 } }));
    expect(sql).toContain("multiIf(downstream_repo = 'a/b', 7, 5) AS value");
    expect(sql).toContain('FROM oot_backends');
  });
});
