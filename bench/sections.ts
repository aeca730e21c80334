import { backfillSection } from './backfill';
import { catchUpSection } from './catch-up';
import { generateSection } from './generate';
import { ingestSection } from './ingest';
import { dashboardsSection, largeDashboardsSection } from './dashboards';
import { lambdaStartSection } from './lambda-start';
import type { Section } from './section';
import { startSection } from './start';
import { validationSection } from './validation';
import { visibleSection } from './visible';

/** Everything that can be measured, in the order in which it runs and is reported. */
export const sections: readonly Section[] = [
  ingestSection,
  validationSection,
  catchUpSection,
  visibleSection,
  dashboardsSection,
  largeDashboardsSection,
  startSection,
  generateSection,
  backfillSection,
  lambdaStartSection,
];
