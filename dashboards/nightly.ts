import { compose } from './compose';
import { datasourceVariable } from './variables';

export const nightlyDashboard = () =>
  compose('nightly', '', { variables: [datasourceVariable()], bands: [] });
