import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { releaseNotes } from '../../.ci/release-notes';

const root = join(__dirname, '../..');
const changelog = `# Changelog

## Unreleased

### Added

- what comes

## 1.10.0 - 2026-11-24

### Added

- **This**: and

### Fixed

- that

## 1.1.0 - 2026-10-01

- the first

## 1.0.0 - 2026-09-01

`;

describe('releaseNotes', () => {
  it.each([
    ['between two others', '1.10.0', '### Added\n\n- **This**: and\n\n### Fixed\n\n- that\n'],
    ['whose name begins like another', '1.1.0', '- the first\n'],
  ])('gives the section %s, without its heading', (_name, version, notes) => {
    expect(releaseNotes({ tag: `v${version}`, version, changelog })).toBe(notes);
  });

  it('takes a heading that is a link', () => {
    const linked = '## [2.0.0] - 2026-11-24\n- it\n';
    expect(releaseNotes({ tag: 'v2.0.0', version: '2.0.0', changelog: linked })).toBe('- it\n');
  });

  it.each([
    ['a tag of another version', 'v1.10.1', '1.10.0', changelog, 'the tag has to be v1.10.0'],
    ['a tag without its v', '1.10.0', '1.10.0', changelog, 'the tag has to be v1.10.0'],
    ['no tag', '', '1.10.0', changelog, 'the tag has to be v1.10.0'],
    ['a version that is not there', 'v3.0.0', '3.0.0', changelog, 'has no section "## 3.0.0 - YYYY-MM-DD"'],
    ['an empty section', 'v1.0.0', '1.0.0', changelog, 'says nothing about 1.0.0'],
    ['no date', 'v1.0.0', '1.0.0', '## 1.0.0\n- it\n', 'has to be "## 1.0.0 - YYYY-MM-DD"'],
    ['two sections', 'v1.1.0', '1.1.0', changelog + changelog, 'two sections of 1.1.0'],
    ['a dot that is none', 'v1.1.0', '1.1.0', '## 1x1x0 - 2026-11-24\n- it\n', 'has no section'],
  ])('refuses %s', (_name, tag, version, text, message) => {
    expect(() => releaseNotes({ tag, version, changelog: text })).toThrow(message);
  });
});

describe('npm run release-notes', () => {
  it('goes by package.json, and says on stderr what is wrong', async () => {
    const script = ['--import', 'tsx', join(root, '.ci/release-notes-main.ts'), 'v99.0.0'];
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    await expect(promisify(execFile)(process.execPath, script)).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: `The tag is v99.0.0, and package.json has ${version}: the tag has to be v${version}\n`,
    });
  });
});
