import { renderTemplate, TemplateError, type Scope } from '../../dashboards/alerts/go-template';

const scope: Scope = {
  dot: {
    Name: 'probe',
    Count: 3,
    Zero: 0,
    Empty: '',
    None: [],
    List: [{ Name: 'a' }, { Name: 'b' }],
    Inner: { Deep: { Text: 'deep' } },
    No: false,
  },
  variables: {
    $labels: { backend: 'a/b', oncall: `ann, bob` },
    $values: { A: { Value: 0.25 }, B: { Value: 0 } },
  },
  externalUrl: 'https://grafana.example/',
};
const render = (text: string, entry?: string) => renderTemplate(text, scope, entry);

describe('renderTemplate', () => {
  it.each([
    ['plain text', 'as it is: {, }, $labels, .Name', 'as it is: {, }, $labels, .Name'],
    ['nothing', '', ''],
    ['a field', 'a {{ .Name }} b{{.Count}}', 'a probe b3'],
    ['a field of a field', '{{ .Inner.Deep.Text }}', 'deep'],
    ['a variable', '{{ $labels.backend }} {{ $values.A.Value }}', 'a/b 0.25'],
    ['a text and a number', '{{ "a \\" b" }} {{ -7 }}', 'a " b -7'],
    [
      'a field that is not there',
      '{{ .Nope }} {{ .Nope.More }} {{ $labels.nope }}',
      '[no value] [no value] [no value]',
    ],
    ['zero, which is a value', '{{ .Zero }}{{ $values.B.Value }}', '00'],
  ])('renders %s', (_what, text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it.each([
    ['if', '{{ if .Name }}yes{{ end }}', 'yes'],
    ['if of zero', '{{ if .Zero }}yes{{ end }}', ''],
    ['if of an empty text', '{{ if .Empty }}yes{{ else }}no{{ end }}', 'no'],
    ['if of false', '{{ if .No }}yes{{ else }}no{{ end }}', 'no'],
    ['if of an empty list', '{{ if .None }}yes{{ else }}no{{ end }}', 'no'],
    ['if of a list', '{{ if .List }}yes{{ else }}no{{ end }}', 'yes'],
    ['if of what is not there', '{{ if .Nope }}yes{{ else }}no{{ end }}', 'no'],
    ['if, which keeps the dot', '{{ if .Inner }}{{ .Name }}{{ end }}', 'probe'],
    ['if in if', '{{ if .Name }}{{ if .Zero }}a{{ else }}b{{ end }}c{{ else }}d{{ end }}', 'bc'],
    ['eq', '{{ if eq .Name "probe" }}yes{{ end }}{{ if eq .Name "other" }}no{{ end }}', 'yes'],
    ['ne', '{{ if ne .Name "probe" }}no{{ end }}{{ if ne .Name "other" }}yes{{ end }}', 'yes'],
    ['with, which moves the dot', '{{ with .Inner.Deep }}{{ .Text }}{{ end }}', 'deep'],
    ['with of a value of 0', '{{ with $values.B }}{{ .Value }}{{ else }}unknown{{ end }}', '0'],
    ['with else', '{{ with $values.C }}{{ .Value }}{{ else }}unknown {{ .Name }}{{ end }}', 'unknown probe'],
    ['range', '{{ range .List }}<{{ .Name }}>{{ end }}', '<a><b>'],
    [
      'range, where variables stay',
      '{{ range .List }}{{ .Name }}{{ $labels.backend }} {{ end }}',
      'aa/b ba/b ',
    ],
    ['range of nothing', '{{ range .None }}x{{ else }}none{{ end }}', 'none'],
    ['range of the dot itself', '{{ with .List }}{{ range . }}{{ .Name }}{{ end }}{{ end }}', 'ab'],
  ])('knows %s', (_what, text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it.each([
    ['before', 'a \n\t {{- .Name }} b', 'aprobe b'],
    ['after', 'a {{ .Name -}} \n b', 'a probeb'],
    ['around', 'a {{- .Name -}} b', 'aprobeb'],
    ['around what prints nothing', 'a\n{{- if .Zero -}} x {{- end -}}\nb', 'ab'],
    ['but not around a negative number', 'a {{-7}} b', 'a -7 b'],
  ])('trims blanks %s', (_what, text, expected) => {
    expect(render(text)).toBe(expected);
  });

  it('renders a template by its name, with the dot that it is given', () => {
    const text = `{{ define "line" -}} <{{ .Name }}> {{- end }}{{ define "all" }}{{ range .List }}{{ template "line" . }}{{ end }}{{ end }}rest`;
    expect(render(text, 'all')).toBe('<a><b>');
    expect(render(text, 'line')).toBe('<probe>');
    expect(render(text)).toBe('rest');
    expect(render('{{ define "x" }}{{ .Name }}{{ end }}{{ template "x" }}')).toBe('[no value]');
  });

  it.each([
    ['humanizePercentage .Count', '300%'],
    ['humanizePercentage $values.A.Value', '25%'],
    ['printf "%.0f" $values.A.Value', '0'],
    ['printf "%.0f" 7', '7'],
    ['humanizeDuration 90', '1m 30s'],
    ['urlquery "a b/c&d=é\'(x)*!~"', 'a+b%2Fc%26d%3D%C3%A9%27%28x%29%2A%21~'],
    ['urlquery $labels.nope', ''],
    ['externalURL', 'https://grafana.example/'],
    ['toUpper "critical"', 'CRITICAL'],
    ['len .List', '2'],
    ['and .Name .Count', '3'],
    ['and .Zero .Count', '0'],
    ['reReplaceAll "[ab]+" "$x" "aabbcab"', '$xc$x'],
    ['.Name | toUpper', 'PROBE'],
    [
      'reReplaceAll "&" "&amp;" "<a & b>" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;"',
      '&lt;a &amp; b&gt;',
    ],
    ['.List | len | printf "%.0f"', '2'],
  ])('knows {{ %s }}', (pipeline, expected) => {
    expect(render(`{{ ${pipeline} }}`)).toBe(expected);
  });

  it('has an address of Grafana without one', () => {
    expect(renderTemplate('{{ externalURL }}d/x', {})).toBe('http://localhost:3000/d/x');
  });

  // As Prometheus' own tests have them (template_test.go), and beyond.
  it.each([
    [0, '0s'],
    [0.5, '500ms'],
    [0.1234567, '123.5ms'],
    [1, '1s'],
    [1.2345, '1.234s'],
    [12.5, '12.5s'],
    [59, '59s'],
    [60, '1m 0s'],
    [61.9, '1m 1s'],
    [3_599, '59m 59s'],
    [3_600, '1h 0m 0s'],
    [86_400, '1d 0h 0m 0s'],
    [90_061, '1d 1h 1m 1s'],
    [1_299_600, '15d 1h 0m 0s'],
    [-1, '-1s'],
    [-90, '-1m 30s'],
    [-0.25, '-250ms'],
  ])('writes %d seconds as %s', (seconds, expected) => {
    expect(renderTemplate('{{ humanizeDuration . }}', { dot: seconds })).toBe(expected);
  });

  it.each([
    [0.1234567, '12.35%'],
    [0, '0%'],
    [1, '100%'],
    [0.9, '90%'],
    [1 / 3, '33.33%'],
    [0.00005, '0.005%'],
    [12.34567, '1235%'],
  ])('writes the share %d as %s', (share, expected) => {
    expect(renderTemplate('{{ humanizePercentage . }}', { dot: share })).toBe(expected);
  });

  it.each([
    ['a function that nobody knows', '{{ humanise .Count }}', 'humanise is no function we know'],
    ['a word', '{{ Name }}', 'Name is neither a field, a variable nor a text'],
    ['a variable that is not set', '{{ $label.backend }}', '$label is not set'],
    ['another format', '{{ printf "%.2f" .Count }}', 'printf %.2f is not known here'],
    ['a field with arguments', '{{ .Name "a" }}', '.Name is no function we know'],
    ['an assignment', '{{ $x := .Name }}', ':= is neither a field, a variable nor a text'],
    ['a range with variables', '{{ range $i, $x := .List }}{{ end }}', '$x is not set'],
    ['a range over no list', '{{ range .Count }}{{ end }}', 'range over .Count, which is no list'],
    ['an if without an end', '{{ if .Name }}yes', 'no {{ end }} or {{ else }}'],
    ['an else without an end', '{{ if .Name }}yes{{ else }}no', 'no {{ end }}'],
    ['an end without a beginning', 'a{{ end }}', '{{ end }} without a beginning'],
    ['an else without a beginning', 'a{{ else }}', '{{ else }} without a beginning'],
    ['an else if', '{{ if .Zero }}a{{ else if .Name }}b{{ end }}', '{{ else if .Name }} is not known here'],
    ['a template that is not defined', '{{ template "x" . }}', 'template "x" is not defined'],
    ['a define without a name in quotes', '{{ define x }}{{ end }}', 'x is not a text in quotes'],
    ['a beginning without an end', 'a {{ .Name', '{{ without its other half in a {{ .Name'],
    ['only a beginning', '{{ .Name', '{{ without its other half in {{ .Name'],
    ['half an end', '{{ .Name } b', '{{ without its other half in {{ .Name } b'],
    ['an end alone', 'a }} b', '}} without its other half in a }} b'],
    ['nothing in it', 'a {{ }} b', 'nothing in {{ }}'],
    ['an if of nothing', '{{ if }}a{{ end }}', 'nothing in {{ }}'],
    ['brackets', '{{ len (and .List .List) }}', '(and is neither a field, a variable nor a text'],
    ['a comment', '{{/* why */}}', 'why is neither a field, a variable nor a text'],
    ['a list as text', '{{ .List }}', "a object can't be printed"],
    ['a truth as text', '{{ eq .Name "probe" }}', "a boolean can't be printed"],
  ])('refuses %s', (_what, text, message) => {
    expect(() => render(text)).toThrow(new TemplateError(message));
  });

  it('refuses an entry that is not defined', () => {
    expect(() => render('a', 'x')).toThrow(new TemplateError('template "x" is not defined'));
  });
});
