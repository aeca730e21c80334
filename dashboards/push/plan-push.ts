import { config } from '../config';
import type { Instance } from '../instance';
import { retired as retiredNames } from '../retired';
import type { Found } from './found';
import { planDashboards } from './plan-dashboards';
import { planNotifications } from './plan-notifications';
import { planRules } from './plan-rules';
import { planStaleNotifications } from './stale-notifications';
import { joinPlans, noPlan, type Plan } from './steps';
import type { Wanted } from './wanted';

/**
 * What makes a Grafana hold exactly this instance: what rules name comes before the rules, and what nothing names any
 * more goes last. What is not ours stays, and stops everything where it is in the way.
 */
export function planPush(wanted: Wanted, found: Found, instance: Instance, retired = retiredNames): Plan {
  return joinPlans([
    planFolder(found, instance),
    checkDatasource(found, instance),
    planNotifications(wanted, found, instance),
    planDashboards(wanted, found, instance),
    planRules(wanted, found, instance),
    planStaleNotifications(wanted, found, instance, retired),
  ]);
}

function planFolder({ folder }: Found, { folder: { uid, title } }: Instance): Plan {
  if (folder === null)
    return {
      ...noPlan(),
      steps: [
        {
          action: 'create',
          kind: 'folder',
          name: title,
          request: { method: 'POST', path: 'api/folders', body: { uid, title } },
        },
      ],
    };
  if (folder.title !== title)
    return {
      ...noPlan(),
      conflicts: [
        `folder ${uid} is there with the title "${folder.title}", not "${title}": somebody else's, or renamed. Give it back its title, or choose a prefix`,
      ],
    };
  return { ...noPlan(), steps: [{ action: 'same', kind: 'folder', name: title }] };
}

function checkDatasource({ datasource }: Found, instance: Instance): Plan {
  const { uid } = instance.datasource;
  const choose = 'Make it, or choose one with --datasource or GRAFANA_DATASOURCE_UID';
  if (datasource === 'missing')
    return { ...noPlan(), conflicts: [`there is no data source with the uid ${uid}. ${choose}`] };
  if (datasource !== 'hidden' && datasource.type !== clickHouseType)
    return {
      ...noPlan(),
      conflicts: [`data source ${uid} is of the type ${datasource.type}, not ${clickHouseType}. ${choose}`],
    };
  return noPlan();
}

const clickHouseType = config.datasource.type;
