import { z } from 'zod';
import { committedInstance } from '../../dashboards/instance';
import type { Grafana } from '../../dashboards/push/client';

const rulesSchema = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        /** The folder's title. */
        file: z.string(),
        rules: z.array(
          z.object({
            name: z.string(),
            health: z.string(),
            lastError: z.string().default(''),
            /** The year 1, where it has not been evaluated. */
            lastEvaluation: z.string(),
            alerts: z
              .array(z.object({ labels: z.record(z.string(), z.string()), state: z.string() }))
              .nullish(),
          }),
        ),
      }),
    ),
  }),
});

/** A rule of ours in Grafana. `instances`: each set of labels and its state, such as `Normal` or `Normal (NoData)`. */
export type FoundRule = {
  name: string;
  health: string;
  lastError: string;
  isEvaluated: boolean;
  instances: { labels: Record<string, string>; state: string }[];
};

/** Our rules as Grafana's ruler sees them now. */
export async function rulesOf(grafana: Grafana): Promise<FoundRule[]> {
  const { data } = rulesSchema.parse(await grafana.get('api/prometheus/grafana/api/v1/rules'));
  return data.groups
    .filter(({ file }) => file === committedInstance.rulesFolder.title)
    .flatMap(({ rules }) => rules)
    .map(({ alerts, lastEvaluation, ...rule }) => ({
      ...rule,
      isEvaluated: !lastEvaluation.startsWith('0001-'),
      instances: alerts ?? [],
    }));
}
