import { z } from 'zod';
import { contactPointKinds, destinationVariables } from '../alerts/notifications';
import { instanceOf, instanceShape, type Instance } from '../instance';

const connectionShape = {
  GRAFANA_URL: z
    .url({
      protocol: /^https?$/,
      error: 'is required: where Grafana is, such as https://grafana.example.org',
    })
    .refine((url) => !/^[^?#]*\/\/[^/]*@|[?#]/.test(url), {
      error: 'has to be an address alone, without credentials, query or fragment',
    }),
  GRAFANA_TOKEN: z.string().optional(),
  GRAFANA_USER: z.string().optional(),
  GRAFANA_PASSWORD: z.string().optional(),
};

const destinationShape = {
  OOT_ALERTS_TO: z.enum(contactPointKinds).default('email'),
  OOT_ALERT_EMAILS: z.string().optional(),
  OOT_ALERT_SLACK_URL: z.url({ error: 'has to be an address' }).optional(),
  OOT_ALERT_WEBHOOK_URL: z.url({ error: 'has to be an address' }).optional(),
};

type Auth = Partial<Record<'GRAFANA_TOKEN' | 'GRAFANA_USER' | 'GRAFANA_PASSWORD', string | undefined>>;

/** Run with other faults, too, so that all are named at once. */
const authRule = {
  path: ['GRAFANA_TOKEN'],
  error:
    'is required: a token of a service account with the role Admin; or GRAFANA_USER and GRAFANA_PASSWORD',
  when: () => true,
};
const hasAuth = ({ GRAFANA_TOKEN, GRAFANA_USER, GRAFANA_PASSWORD }: Auth): boolean =>
  GRAFANA_TOKEN !== undefined || (GRAFANA_USER !== undefined && GRAFANA_PASSWORD !== undefined);

/** What `--remove` reads. */
export const removeConfigSchema = z
  .object({ ...instanceShape, ...connectionShape })
  .refine(hasAuth, authRule);

/** What `--push` reads. */
export const pushConfigSchema = z
  .object({ ...instanceShape, ...connectionShape, ...destinationShape })
  .refine(hasAuth, authRule)
  .superRefine(({ OOT_ALERTS_TO: kind, GRAFANA_CONTACT_POINT, ...destinations }, context) => {
    const variable = destinationVariables[kind];
    if (kind === 'email' || GRAFANA_CONTACT_POINT !== undefined || destinations[variable] !== undefined)
      return;
    context.addIssue({ code: 'custom', path: [variable], message: `is required for OOT_ALERTS_TO=${kind}` });
  });

/** What `--out` reads. */
export const instanceConfigSchema = z.object(instanceShape);

/** The instance that the environment names. */
export const instanceFrom = (env: z.output<typeof instanceConfigSchema>): Instance =>
  instanceOf({
    ...(env.GRAFANA_PREFIX !== undefined && { prefix: env.GRAFANA_PREFIX }),
    ...(env.GRAFANA_DATASOURCE_UID !== undefined && { datasourceUid: env.GRAFANA_DATASOURCE_UID }),
    ...(env.GRAFANA_CONTACT_POINT !== undefined && { contactPoint: env.GRAFANA_CONTACT_POINT }),
  });

/** How to reach a Grafana. `secrets` never show up in an error, even if Grafana repeats them. */
export type Connection = { url: string; authorization: string; secrets: string[] };

export function connectionFrom({
  GRAFANA_URL: url,
  GRAFANA_TOKEN: token,
  GRAFANA_USER: user = '',
  GRAFANA_PASSWORD: password = '',
}: z.output<typeof removeConfigSchema>): Connection {
  if (token !== undefined) return { url, authorization: `Bearer ${token}`, secrets: [token] };
  const basic = Buffer.from(`${user}:${password}`).toString('base64');
  return { url, authorization: `Basic ${basic}`, secrets: [password, basic] };
}
