import { compose } from './compose';
import { datasourceVariable } from './variables';

export const pipelineDashboard = () =>
  compose('pipeline', '', { variables: [datasourceVariable()], bands: [] });
