import {
  allValue,
  ExpansionError,
  variablesOf,
  variableSql,
  type DashboardJson,
  type VariableJson,
  type VariableValue,
} from './grafana';

/* What a person may choose on a dashboard. */

export const choices = ['default', 'one', 'several', 'all', 'nasty'] as const;
/** A number: an option of each variable, in turn, and All where there is one. */
export type Choice = (typeof choices)[number] | number;

export type Chosen = { variables: Record<string, VariableValue>; allOptions: Record<string, string[]> };

/** What a stranger may call a job: quotes, a backslash, what ends a string, a parenthesis. */
const nasty = `it's "a" \\ b), 1 -- ;`;

/** Can it be anything, since it comes from a stranger's callback or a person's keyboard? */
export const isFree = ({ type }: VariableJson): boolean => type === 'query' || type === 'textbox';

export type Source = {
  /** The values that a variable's query gives, while the others are chosen like that. */
  offered: (rawSql: string, others: Chosen) => Promise<string[]>;
  /** Where there is no All, the option with the most to show. */
  fullest: string | undefined;
};

/** Asks the variables' queries one after the other, those last that need another's value. */
export async function chooseVariables(
  dashboard: DashboardJson,
  choice: Choice,
  source: Source,
): Promise<Chosen> {
  const chosen: Chosen = { variables: {}, allOptions: {} };
  let waiting = variablesOf(dashboard);
  while (waiting.length > 0) {
    const next: VariableJson[] = [];
    for (const variable of waiting) {
      const options = await optionsOf(variable, chosen, source).catch((error: unknown) => {
        if (error instanceof ExpansionError && error.message.endsWith('is not set')) return undefined;
        throw error;
      });
      if (options === undefined) next.push(variable);
      else {
        chosen.allOptions[variable.name] = options;
        chosen.variables[variable.name] = chosenValue(variable, choice, options, source.fullest);
      }
    }
    if (next.length === waiting.length) {
      throw new Error(`variables that wait for each other: ${next.map(({ name }) => name).join(', ')}`);
    }
    waiting = next;
  }
  return chosen;
}

function chosenValue(
  variable: VariableJson,
  choice: Choice,
  options: string[],
  fullest: string | undefined,
): VariableValue {
  const current = variable.current?.value;
  const typed = typeof variable.query === 'string' && variable.type !== 'query' ? variable.query : '';
  const byDefault = current !== undefined && current.length > 0 ? current : (options[0] ?? typed);
  const several = (values: string[]) => (variable.multi === true ? values : (values[0] ?? ''));
  if (typeof choice === 'number') {
    if (variable.includeAll === true) return several([allValue]);
    return options[choice % options.length] ?? byDefault;
  }
  switch (choice) {
    case 'default':
      return byDefault;
    case 'all':
      if (variable.includeAll === true) return several([allValue]);
      return fullest !== undefined && options.includes(fullest) ? fullest : byDefault;
    case 'nasty':
      return isFree(variable) ? several([nasty]) : byDefault;
    case 'one':
      return options.length > 0 ? several(options.slice(-1)) : byDefault;
    case 'several':
      if (options.length === 0) return byDefault;
      return variable.multi === true ? options.slice(0, 3) : (options[options.length >> 1] ?? '');
  }
}

async function optionsOf(variable: VariableJson, chosen: Chosen, source: Source): Promise<string[]> {
  const rawSql = variableSql(variable);
  if (rawSql !== undefined) return source.offered(rawSql, chosen);
  if (variable.type !== 'custom' || typeof variable.query !== 'string') return [];
  return variable.query.split(',').map((option) => option.split(' : ').at(-1)?.trim() ?? '');
}
