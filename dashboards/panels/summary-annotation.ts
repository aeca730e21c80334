import { AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { tableQuery, variableDatasource } from '../clickhouse-query';
import { config } from '../config';
import { stateChangesSql } from '../queries/backend-states';

/** Marks when a backend became broken, failing or silent, and when it was that no more. */
export const stateChangeAnnotation = () =>
  new AnnotationQueryBuilder()
    .name('State changes')
    .datasource(variableDatasource)
    .enable(true)
    .hide(false)
    .iconColor(config.colors.failure)
    .target(tableQuery(stateChangesSql()));
