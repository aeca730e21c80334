import { compose } from './compose';
import { datasourceVariable } from './variables';

export const backendDashboard = () =>
  compose('backend', '', { variables: [datasourceVariable()], bands: [] });
