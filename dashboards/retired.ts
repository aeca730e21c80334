/**
 * Uids and names that an earlier version had and this one has not, without any prefix. Put one here in the change that
 * renames or drops it, and leave it for ever: Grafana keeps a rule, a template, a mute timing or a contact point that
 * is no more in any file, until a file says that it shall go. (A dashboard goes with its file.)
 */
export type Retired = {
  rules: string[];
  templates: string[];
  muteTimings: string[];
  /** Uids of integrations, not names. */
  contactPoints: string[];
};

export const retired: Retired = { rules: [], templates: [], muteTimings: [], contactPoints: [] };
