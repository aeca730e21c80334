import { compose } from './compose';
import { datasourceVariable } from './variables';

export const summaryDashboard = () =>
  compose('summary', '', { variables: [datasourceVariable()], bands: [] });
