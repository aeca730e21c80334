import { compose } from './compose';
import { datasourceVariable } from './variables';

export const prDashboard = () => compose('pr', '', { variables: [datasourceVariable()], bands: [] });
