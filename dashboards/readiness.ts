import { compose } from './compose';
import { datasourceVariable } from './variables';

export const readinessDashboard = () =>
  compose('readiness', '', { variables: [datasourceVariable()], bands: [] });
