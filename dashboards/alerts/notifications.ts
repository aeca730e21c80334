import { config } from '../config';
import { committedInstance, type Instance } from '../instance';

/** Where alerts can be sent, and what each needs in the environment. */
export const contactPointKinds = ['email', 'slack', 'webhook'] as const;
export type ContactPointKind = (typeof contactPointKinds)[number];

/** Where the destination of each kind stands. */
export const destinationVariables = {
  email: 'OOT_ALERT_EMAILS',
  slack: 'OOT_ALERT_SLACK_URL',
  webhook: 'OOT_ALERT_WEBHOOK_URL',
} as const satisfies Record<ContactPointKind, string>;

/** What a contact point of a kind says, and where to. */
export function contactPointSettings(
  kind: ContactPointKind,
  destination: string,
  { template }: Instance,
): Record<string, string | boolean> {
  const message = (name: string) => `{{ template "${template}.${name}" . }}`;
  switch (kind) {
    case 'email':
      return {
        // Valid without a destination too, and then sent to nobody: an empty setting would stop all of provisioning.
        addresses: `;${destination}`,
        singleEmail: true,
        subject: message('title'),
        message: message('text'),
      };
    case 'slack':
      return { url: destination, title: message('title'), text: message('slack') };
    case 'webhook':
      return { url: destination, title: message('title'), message: message('text') };
  }
}

/** The contact point that every rule names, of one kind. `$NAME` is read from the environment of Grafana. */
export const contactPoints = (kind: ContactPointKind, instance = committedInstance) => [
  {
    orgId: 1,
    name: instance.receiver.name,
    receivers: [
      {
        uid: instance.receiver.uid,
        type: kind,
        settings: contactPointSettings(kind, `$${instance.variable(destinationVariables[kind])}`, instance),
      },
    ],
  },
];

/** When nothing is sent. Every rule names it, so maintenance is one entry in config. */
export const muteTimes = ({ muteTiming } = committedInstance) => [
  { orgId: 1, name: muteTiming, time_intervals: config.alerts.maintenance },
];

/** Worst first; Go's templates can't sort. The last pass takes what has no severity that we know. */
const worstFirst = (
  line: string,
) => `{{ range .Alerts.Firing }}{{ if eq .Labels.severity "critical" }}${line}{{ end }}{{ end -}}
{{ range .Alerts.Firing }}{{ if eq .Labels.severity "warning" }}${line}{{ end }}{{ end -}}
{{ range .Alerts.Firing }}{{ if ne .Labels.severity "critical" }}{{ if ne .Labels.severity "warning" }}${line}{{ end }}{{ end }}{{ end -}}
{{ range .Alerts.Resolved }}`;

const slackText = (field: string) =>
  `{{ reReplaceAll "&" "&amp;" ${field} | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" }}`;
const slackLinks =
  '<{{ .Annotations.dashboard }}|look> · <{{ .Annotations.runbook_url }}|what to do> · <{{ .SilenceURL }}|silence>';

/** Messages: a title, then a line an instance, with links. Slack reads \`<\` and \`&\` as markup, so they are escaped. */
export const messageTemplates = ({ template } = committedInstance) => [
  {
    orgId: 1,
    name: template,
    template: messages.replaceAll('"oot.', `"${template}.`),
  },
];

const messages = `{{ define "oot.title" -}}
{{ if .Alerts.Firing }}{{ len .Alerts.Firing }} firing{{ end -}}
{{ if .Alerts.Firing }}{{ if .Alerts.Resolved }}, {{ end }}{{ end -}}
{{ if .Alerts.Resolved }}{{ len .Alerts.Resolved }} resolved{{ end }}: {{ .GroupLabels.alertname }}. {{ .CommonAnnotations.summary }}
{{- end }}

{{ define "oot.slack" -}}
${worstFirst('{{ template "oot.slack.line" . }}')}:white_check_mark: resolved: ${slackText('.Annotations.description')}
{{ end }}{{ end }}

{{ define "oot.slack.line" }}{{ if eq .Labels.severity "critical" }}:red_circle:{{ else }}{{ if eq .Labels.severity "warning" }}:large_orange_circle:{{ else }}:large_blue_circle:{{ end }}{{ end }} ${slackText('.Annotations.description')} ${slackLinks}
{{ end }}

{{ define "oot.text" -}}
${worstFirst('{{ template "oot.text.line" . }}')}RESOLVED {{ .Annotations.description }}
{{ end }}{{ end }}

{{ define "oot.text.line" }}{{ toUpper .Labels.severity }} {{ .Annotations.description }}
  {{ .Annotations.dashboard }}
  {{ .Annotations.runbook_url }}
{{ end }}
`;
