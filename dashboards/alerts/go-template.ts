/**
 * Renders the part of Go's templates that our alert texts use, as Grafana would, so that `npm run alerts` and the
 * tests show what people will read: fields, `$labels` and `$values`, pipelines of known functions, if, with, range,
 * else, define, template, and trimming. Throws on all else: a typo must not render as nothing.
 */
export function renderTemplate(text: string, scope: Scope, entry?: string): string {
  const parser = new Parser(text);
  const body = parser.block(['']).nodes;
  const context: Context = { scope, templates: parser.templates };
  if (entry === undefined) return run(body, scope.dot, context);
  return run(named(parser.templates, entry), scope.dot, context);
}

/** A template that Grafana would not take, or that says something we do not know. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly code = 'TEMPLATE';
}

/** What a text speaks of: `.` and the variables, such as `$labels`. */
export type Scope = { dot?: unknown; variables?: Record<string, unknown>; externalUrl?: string };

type Context = { scope: Scope; templates: Map<string, Node[]> };
type Node =
  | { kind: 'text'; text: string }
  | { kind: 'value'; pipeline: string }
  | { kind: 'template'; name: string; pipeline: string }
  | { kind: 'if' | 'with' | 'range'; pipeline: string; nodes: Node[]; otherwise: Node[] };

const isAction = (part: string): boolean => part.startsWith('{{') && part.endsWith('}}');

class Parser {
  readonly templates = new Map<string, Node[]>();
  private readonly tokens: { isAction: boolean; text: string }[];
  private at = 0;

  constructor(text: string) {
    // `{{-` and `-}}` take the blanks around them away.
    const trimmed = text.replace(/\s*\{\{-\s/g, '{{ ').replace(/\s-\}\}\s*/g, ' }}');
    this.tokens = trimmed
      .split(/(\{\{.*?\}\})/s)
      .filter((part) => part !== '')
      .map((part) => ({
        isAction: isAction(part),
        text: isAction(part) ? part.slice(2, -2).trim() : part,
      }));
  }

  /** Reads up to one of the words (`''`: the end of the text). */
  block(until: string[]): { nodes: Node[]; ended: string } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.tokens[this.at++];
      if (!token) {
        if (until.includes('')) return { nodes, ended: '' };
        throw new TemplateError(`no {{ ${until.join(' }} or {{ ')} }}`);
      }
      if (!token.isAction) {
        const [stray] = /\{\{|\}\}/.exec(token.text) ?? [];
        if (stray) throw new TemplateError(`${stray} without its other half in ${token.text}`);
        nodes.push({ kind: 'text', text: token.text });
        continue;
      }
      const [, word = '', rest = ''] = /^(\w*)\s*(.*)$/s.exec(token.text) ?? [];
      if (until.includes(word) && word !== '') {
        if (rest !== '') throw new TemplateError(`{{ ${token.text} }} is not known here`);
        return { nodes, ended: word };
      }
      if (word === 'if' || word === 'with' || word === 'range') nodes.push(this.branch(word, rest));
      else if (word === 'define') this.templates.set(unquote(rest), this.block(['end']).nodes);
      else if (word === 'template') {
        const [, name = '', pipeline = ''] = /^("[^"]*")\s*(.*)$/.exec(rest) ?? [];
        nodes.push({ kind: 'template', name: unquote(name), pipeline });
      } else if (word === 'end' || word === 'else')
        throw new TemplateError(`{{ ${word} }} without a beginning`);
      else nodes.push({ kind: 'value', pipeline: token.text });
    }
  }

  private branch(kind: 'if' | 'with' | 'range', pipeline: string): Node {
    const first = this.block(['end', 'else']);
    const otherwise = first.ended === 'else' ? this.block(['end']).nodes : [];
    return { kind, pipeline, nodes: first.nodes, otherwise };
  }
}

function run(nodes: Node[], dot: unknown, context: Context): string {
  return nodes.map((node) => runNode(node, dot, context)).join('');
}

function runNode(node: Node, dot: unknown, context: Context): string {
  if (node.kind === 'text') return node.text;
  if (node.pipeline === '' && node.kind !== 'template') throw new TemplateError(`nothing in {{ }}`);
  const value = node.pipeline === '' ? undefined : evaluate(node.pipeline, dot, context);
  switch (node.kind) {
    case 'value':
      return value === undefined ? '[no value]' : text(value);
    case 'template':
      return run(named(context.templates, node.name), value, context);
    case 'range':
      if (!Array.isArray(value)) throw new TemplateError(`range over ${node.pipeline}, which is no list`);
      if (value.length === 0) return run(node.otherwise, dot, context);
      return value.map((one) => run(node.nodes, one, context)).join('');
    default:
      if (!isTruthy(value)) return run(node.otherwise, dot, context);
      return run(node.nodes, node.kind === 'with' ? value : dot, context);
  }
}

function named(templates: Map<string, Node[]>, name: string): Node[] {
  const found = templates.get(name);
  if (!found) throw new TemplateError(`template "${name}" is not defined`);
  return found;
}

/** What Go takes as true: not zero, not empty. */
const isTruthy = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== '' && value !== 0 && value !== false;

/** `f a b | g c`: the value so far is the last argument of the next function. */
function evaluate(pipeline: string, dot: unknown, context: Context): unknown {
  let value: unknown;
  pipeline.split(/\s+\|\s+/).forEach((command, index) => {
    const [head = '', ...others] = command.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [];
    const args = others.map((term) => termOf(term, dot, context));
    if (index > 0) args.push(value);
    const call = functions[head];
    if (call) value = call(args, context.scope);
    else if (args.length > 0) throw new TemplateError(`${head} is no function we know`);
    else value = termOf(head, dot, context);
  });
  return value;
}

function termOf(term: string, dot: unknown, { scope }: Context): unknown {
  if (term.startsWith('"')) return unquote(term);
  if (/^-?\d+$/.test(term)) return Number(term);
  const [, root = '', path = ''] = /^(\$\w+|)((?:\.\w+)*|\.)$/.exec(term) ?? [undefined, '?', ''];
  if (root === '?') throw new TemplateError(`${term} is neither a field, a variable nor a text`);
  if (root !== '' && !(root in (scope.variables ?? {}))) throw new TemplateError(`${root} is not set`);
  const start = root === '' ? dot : scope.variables?.[root];
  return path
    .split('.')
    .filter((key) => key !== '')
    .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], start);
}

const unquote = (text: string): string => {
  if (!/^".*"$/s.test(text)) throw new TemplateError(`${text} is not a text in quotes`);
  return JSON.parse(text) as string;
};

const text = (value: unknown): string => {
  if (value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new TemplateError(`a ${typeof value} can't be printed`);
};

/** Of Go, Prometheus and Grafana, those that our texts use. */
const functions: Record<string, (args: unknown[], scope: Scope) => unknown> = {
  humanizePercentage: ([value]) => `${significant(Number(value) * 100)}%`,
  humanizeDuration: ([value]) => humanizeDuration(Number(value)),
  printf: ([format, value]) => {
    if (format !== '%.0f') throw new TemplateError(`printf ${text(format)} is not known here`);
    return Number(value).toFixed(0);
  },
  urlquery: ([value]) =>
    encodeURIComponent(text(value))
      .replace(/%20/g, '+')
      .replace(/[!'()*]/g, escaped),
  externalURL: (_args, scope) => scope.externalUrl ?? 'http://localhost:3000/',
  toUpper: ([value]) => text(value).toUpperCase(),
  len: ([value]) => (value as unknown[]).length,
  eq: ([one, other]) => one === other,
  ne: ([one, other]) => one !== other,
  and: ([one, other]) => (isTruthy(one) ? other : one),
  reReplaceAll: ([pattern, replacement, value]) =>
    text(value).replace(new RegExp(text(pattern), 'g'), text(replacement).replace(/\$/g, '$$$$')),
};

const escaped = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;

/** Go's `%.4g`, of numbers for which it needs no exponent. */
const significant = (value: number): string => String(Number(value.toPrecision(4)));

/** As Prometheus writes seconds: `1d 2h 3m 4s`, `3m 4s`, `12.5s`, `500ms`. */
function humanizeDuration(seconds: number): string {
  if (seconds === 0) return '0s';
  if (Math.abs(seconds) < 1) return `${significant(seconds * 1_000)}ms`;
  const sign = seconds < 0 ? '-' : '';
  const whole = Math.trunc(Math.abs(seconds));
  if (whole < 60) return `${sign}${significant(Math.abs(seconds))}s`;
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  const parts = [`${minutes}m`, `${whole % 60}s`];
  if (days > 0 || hours > 0) parts.unshift(`${hours}h`);
  if (days > 0) parts.unshift(`${days}d`);
  return `${sign}${parts.join(' ')}`;
}
