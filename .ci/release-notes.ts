/** What can't be released. `message` says what to do. */
export class ReleaseError extends Error {
  override readonly name = 'ReleaseError';
  readonly code = 'RELEASE';
}

/** `## 1.2.3 - 2026-11-24`, as Keep a Changelog has it; what comes after the version is checked apart. */
const heading = /^## \[?(\d+\.\d+\.\d+|Unreleased)\]?(.*)$/;
const dated = /^ - \d{4}-\d\d-\d\d$/;

/**
 * The notes of a release: its version's section of the changelog, without the heading. `tag` is the one that is
 * released, `version` that of package.json. Throws {@link ReleaseError}.
 */
export function releaseNotes({
  tag,
  version,
  changelog,
}: {
  tag: string;
  version: string;
  changelog: string;
}): string {
  if (tag !== `v${version}`)
    throw new ReleaseError(
      `The tag is ${tag}, and package.json has ${version}: the tag has to be v${version}`,
    );
  const lines = changelog.split('\n');
  const starts = lines.flatMap((line, at) => {
    const [, name, rest = ''] = heading.exec(line) ?? [];
    return name === version ? [{ at, rest }] : [];
  });
  const [start, another] = starts;
  if (!start)
    throw new ReleaseError(
      `CHANGELOG.md has no section "## ${version} - YYYY-MM-DD": give what is under Unreleased that heading`,
    );
  if (another) throw new ReleaseError(`CHANGELOG.md has two sections of ${version}`);
  if (!dated.test(start.rest))
    throw new ReleaseError(`CHANGELOG.md: the heading of ${version} has to be "## ${version} - YYYY-MM-DD"`);
  const next = lines.findIndex((line, at) => at > start.at && line.startsWith('## '));
  const notes = lines
    .slice(start.at + 1, next === -1 ? undefined : next)
    .join('\n')
    .trim();
  if (notes === '') throw new ReleaseError(`CHANGELOG.md says nothing about ${version}`);
  return `${notes}\n`;
}
