import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Metric,
  Stats,
  TreatMissingData,
  type IMetric,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { HttpCodeElb, HttpCodeTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { LambdaApi } from './api-lambda';
import type { Environment } from './config-schema';
import type { ContainerIngest } from './ingest-container';
import type { LambdaIngest } from './ingest-lambda';
import type { Replicator } from './replicator';

type AlarmSpec = {
  /** What it means and what to do, as the e-mail shows it. */
  text: string;
  metric: IMetric;
  threshold: number;
  below?: boolean;
  /** Periods in a row. */
  periods?: number;
  /** What no data means; without it, that nothing happened. */
  missingIsBad?: boolean;
};

const fiveMinutes = { period: Duration.minutes(5), statistic: Stats.SUM };

/**
 * What CloudWatch can see and Grafana can't: the machinery between the table and ClickHouse. Whether the numbers are
 * fresh and whole stays Grafana's to say (`dashboards/alerts/`).
 */
export function createAlarms(scope: Construct, config: Environment['alarms']) {
  const topic = new Topic(scope, 'Alarms');
  if (config.email !== undefined) topic.addSubscription(new EmailSubscription(config.email));

  const alarm = (id: string, spec: AlarmSpec): void => {
    const { ABOVE, BELOW } = {
      ABOVE: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      BELOW: ComparisonOperator.LESS_THAN_THRESHOLD,
    };
    const made = new Alarm(scope, id, {
      alarmDescription: spec.text,
      metric: spec.metric,
      threshold: spec.threshold,
      comparisonOperator: spec.below ? BELOW : ABOVE,
      evaluationPeriods: spec.periods ?? 1,
      treatMissingData: spec.missingIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    made.addAlarmAction(new SnsAction(topic));
    made.addOkAction(new SnsAction(topic));
  };

  const ofFunction = (id: string, lambda: Function): void => {
    alarm(`${id}Errors`, {
      text: `${id} crashed, ran out of time or memory, or could not read its secret. Look into its log.`,
      metric: lambda.metricErrors(fiveMinutes),
      threshold: 1,
    });
    alarm(`${id}Throttles`, {
      text: `Lambda had no room for ${id}: raise the account's limit of concurrent executions.`,
      metric: lambda.metricThrottles(fiveMinutes),
      threshold: 1,
    });
  };

  return {
    ofReplicator({ function: lambda, mapping }: Replicator): void {
      ofFunction('Replicator', lambda);
      const ofMapping = (metricName: string, statistic: string) =>
        new Metric({
          namespace: 'AWS/Lambda',
          metricName,
          dimensionsMap: { EventSourceMappingUUID: mapping.eventSourceMappingId },
          statistic,
          period: Duration.minutes(5),
        });
      alarm('ReplicatorBehind', {
        text: `Changes wait for ${config.iteratorAgeMinutes} minutes: ClickHouse takes nothing, or too slowly.`,
        metric: lambda.metric('IteratorAge', { period: Duration.minutes(1), statistic: Stats.MAXIMUM }),
        threshold: config.iteratorAgeMinutes * 60_000,
        periods: 3,
      });
      alarm('ReplicatorGaveUp', {
        text: 'Changes went to the failure bucket: npm run replay-failures, once ClickHouse is well.',
        metric: ofMapping('OnFailureDestinationDeliveredEventCount', Stats.SUM),
        threshold: 1,
      });
      alarm('ReplicatorLost', {
        text: 'Changes were dropped and could not be put into the failure bucket: npm run backfill, then npm run verify.',
        metric: ofMapping('DroppedEventCount', Stats.SUM),
        threshold: 1,
      });
      alarm('ReplicatorNotReading', {
        text: 'Nobody has read the stream for 15 minutes: the event source mapping is off, or has no access.',
        // An empty read counts, too, as a sample of 0.
        metric: ofMapping('PolledEventCount', Stats.SAMPLE_COUNT),
        threshold: 1,
        below: true,
        periods: 3,
        missingIsBad: true,
      });
    },

    /** Where readers ask the same API, its count of 5xx is theirs, too: then ingest's own log is what counts. */
    ofLambdaIngest({ function: lambda, api }: LambdaIngest, { sharesApi }: { sharesApi: boolean }): void {
      ofFunction('Ingest', lambda);
      alarm('IngestFails', {
        text: 'Callbacks were answered with a 5xx. The relay sends again, a few times; after that they are lost.',
        metric: sharesApi ? serverErrorsInLog(lambda) : api.metricServerError(fiveMinutes),
        threshold: 1,
      });
    },

    ofLambdaApi({ function: lambda, api }: LambdaApi): void {
      ofFunction('Reader', lambda);
      alarm('ReaderFails', {
        text: 'Readers were answered with a 5xx for 15 minutes: ClickHouse is away or slow. If IngestFails is on, see there.',
        metric: api.metricServerError(fiveMinutes),
        threshold: 1,
        periods: 3,
      });
    },

    ofContainerIngest({ balancer, targets }: ContainerIngest): void {
      alarm('IngestFails', {
        text: 'Callbacks were answered with a 5xx. The relay sends again, a few times; after that they are lost.',
        metric: targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, fiveMinutes),
        threshold: 1,
      });
      alarm('IngestUnreachable', {
        text: 'The load balancer found no task that answers.',
        metric: balancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, fiveMinutes),
        threshold: 1,
      });
    },
  };
}

/**
 * What the function's app answered with a 5xx. What the gateway answers itself is not in it: that is where the
 * function failed, or Lambda had no room, which has alarms of its own.
 */
function serverErrorsInLog(lambda: Function): IMetric {
  return lambda.logGroup
    .addMetricFilter('ServerErrors', {
      filterPattern: FilterPattern.all(
        FilterPattern.stringValue('$.msg', '=', 'request answered'),
        FilterPattern.numberValue('$.status', '>=', 500),
      ),
      metricNamespace: `OotCiHealth/${Stack.of(lambda).stackName}`,
      metricName: 'IngestServerErrors',
    })
    .metric(fiveMinutes);
}
