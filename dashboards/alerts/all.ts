import { backendRules, readinessRules } from './backends';
import { nightlyRules } from './nightly';
import { pipelineRules } from './pipeline';
import type { AlertRule, RuleGroup } from './rule';
import { upstreamRules } from './upstream';

/** Every rule, in the groups in which Grafana evaluates them; built anew at each call. */
export const allRuleGroups = (): RuleGroup[] => [
  backendRules(),
  nightlyRules(),
  readinessRules(),
  upstreamRules(),
  pipelineRules(),
];

export const allRules = (): AlertRule[] => allRuleGroups().flatMap(({ rules }) => rules);
