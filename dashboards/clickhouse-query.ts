import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import { config } from './config';

/** A query of the ClickHouse data source, as its editor would save it in SQL mode. */
export type ClickHouseDataquery = cog.Dataquery & {
  refId: string;
  datasource: { type: string; uid: string };
  editorType: 'sql';
  rawSql: string;
  /** The plugin's backend goes by `format` (time series 0, table 1), its editor by `queryType`: both must agree. */
  queryType: 'table' | 'timeseries';
  format: 0 | 1;
  pluginVersion: string;
};

/** The data source of a dashboard is a variable, so that one can look at another ClickHouse. */
export const variableDatasource = { type: config.datasource.type, uid: '${datasource}' };

/** The Foundation SDK has no builder for this plugin. */
class ClickHouseQueryBuilder implements cog.Builder<cog.Dataquery> {
  constructor(
    private readonly rawSql: string,
    private readonly queryType: 'table' | 'timeseries',
    private readonly id: string,
  ) {}

  refId(refId: string): ClickHouseQueryBuilder {
    return new ClickHouseQueryBuilder(this.rawSql, this.queryType, refId);
  }

  build(): ClickHouseDataquery {
    return {
      _implementsDataqueryVariant: () => undefined,
      refId: this.id,
      datasource: variableDatasource,
      editorType: 'sql',
      rawSql: this.rawSql,
      queryType: this.queryType,
      format: this.queryType === 'timeseries' ? 0 : 1,
      pluginVersion: config.datasource.pluginVersion,
    };
  }
}

/** Rows as they are. */
export const tableQuery = (rawSql: string): ClickHouseQueryBuilder =>
  new ClickHouseQueryBuilder(rawSql, 'table', 'A');

/** A time column, then numbers; string columns become labels. Must be ordered by time. */
export const seriesQuery = (rawSql: string): ClickHouseQueryBuilder =>
  new ClickHouseQueryBuilder(rawSql, 'timeseries', 'A');
