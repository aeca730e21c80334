import { allRuleGroups, allRules } from '../../dashboards/alerts/all';
import { allDashboards } from '../../dashboards/all';

/* How much a Grafana is given. What it is, other tests pin by name. */

export const dashboardCount = allDashboards().length;
export const ruleCount = allRules().length;

/** Folder, message template, mute timing and contact point. */
const others = 4;

/** Changes of a first push: rules go by the group. */
export const pushedCount = others + dashboardCount + allRuleGroups().length;
/** Changes of a removal: rules go one by one. */
export const removedCount = others + dashboardCount + ruleCount;
