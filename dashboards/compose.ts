import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
  type AnnotationQuery,
  type Dashboard,
  type Panel,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { config } from './config';
import { headLinks, type DashboardName } from './links';

/** A panel, how many of the 24 columns it takes, and its stable id: alerts and links point at panels by it. */
export type Placed = { id: number; width: number; panel: cog.Builder<Panel> };

/** Panels side by side; `height` in grid units of 30 px. `title` makes a row header above them. */
export type Band = { title?: string; height: number; panels: Placed[] };

/** Ids from here on are row headers; panels have lower ones. */
const firstRowId = 1000;

/**
 * A dashboard as its table of contents says it: bands from top to bottom. Does what the SDK leaves to its
 * users: ids, positions, shared settings, and the keys by which it would hide links and annotations.
 * Throws where a band is wider than the grid or an id is used twice.
 */
export function compose(
  name: DashboardName,
  description: string,
  parts: {
    variables: cog.Builder<VariableModel>[];
    annotations?: cog.Builder<AnnotationQuery>[];
    bands: Band[];
  },
): Dashboard {
  const { uid, title } = config.dashboards[name];
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([config.tag])
    .timezone('browser')
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: config.time.from, to: config.time.to })
    .refresh(config.time.refresh)
    .links(headLinks(name))
    .variables(parts.variables)
    .annotations([builtInAnnotation(), ...(parts.annotations ?? [])]);
  const dashboard = builder.build();
  dashboard.panels = placePanels(parts.bands);
  return showLinks(dashboard) as Dashboard;
}

/** Without the SDK's default placement, which hides links and annotations in a menu. Legends have one of their own. */
function showLinks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(showLinks);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !(key === 'placement' && inner === 'inControlsMenu'))
      .map(([key, inner]) => [key, showLinks(inner)]),
  );
}

function placePanels(bands: Band[]): NonNullable<Dashboard['panels']> {
  const ids = new Set<number>();
  const panels: NonNullable<Dashboard['panels']> = [];
  let y = 0;
  bands.forEach(({ title, height, panels: placed }, index) => {
    if (title !== undefined) {
      const row = new RowBuilder(title)
        .id(firstRowId + index)
        .gridPos({ x: 0, y, w: 24, h: 1 })
        .build();
      panels.push(row);
      y += 1;
    }
    let x = 0;
    for (const { id, width, panel } of placed) {
      if (ids.has(id) || id < 1 || id >= firstRowId)
        throw new Error(`panel id ${id} is taken or out of range`);
      if (x + width > 24) throw new Error(`the band of panel ${id} is wider than 24 columns`);
      ids.add(id);
      panels.push({ ...panel.build(), id, gridPos: { x, y, w: width, h: height } });
      x += width;
    }
    y += height;
  });
  return panels;
}

const builtInAnnotation = () =>
  new AnnotationQueryBuilder()
    .name('Annotations & Alerts')
    .datasource({ type: 'grafana', uid: '-- Grafana --' })
    .builtIn(1)
    .enable(true)
    .hide(true)
    .iconColor('rgba(0, 211, 255, 1)')
    .type('dashboard');
