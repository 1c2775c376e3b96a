import { describe, expect, it } from 'vitest';
import { LogDocument } from '../src/lib/log-document';
import { findMarks } from '../src/lib/marks';

const encoder = new TextEncoder();
const WIPE = '\r\x1b[0K';

function read(text: string, over = true): LogDocument {
  const log = new LogDocument();
  log.append(encoder.encode(text));
  if (over) log.finish();
  return log;
}

/** The lines that are shown, as they read. */
function shown(log: LogDocument): string[] {
  const rows = log.folds.rows(log.lines);
  return Array.from({ length: rows.count }, (_, row) => log.plain(rows.lineOf(row)));
}

const travis = [
  `travis_fold:start:before_install.1${WIPE}travis_time:start:0a${WIPE}$ echo a\r\n`,
  'a\r\n',
  `travis_time:end:0a:start=1,finish=1500000001,duration=1500000000,event=before_install${WIPE}`,
  `travis_fold:end:before_install.1${WIPE}travis_fold:start:before_install.2${WIPE}$ (exit 7)\r\n`,
  'went wrong\r\n',
  '\x1b[31;1mThe command "(exit 7)" failed and exited with 7 during .\x1b[0m\r\n',
  '\r\nYour build has been stopped.\r\n',
].join('');

describe("Travis's folds", () => {
  it('are folded when they passed, and open when their end never came', () => {
    expect(shown(read(travis))).toEqual([
      '$ echo a',
      '$ (exit 7)',
      'went wrong',
      'The command "(exit 7)" failed and exited with 7 during .',
      '',
      'Your build has been stopped.',
    ]);
  });

  it('end above the line that their mark stands before', () => {
    const log = read(`travis_fold:start:x${WIPE}$ run\r\nout\r\ntravis_fold:end:x${WIPE}\x1b[32mafter\r\n`);
    expect(shown(log)).toEqual(['$ run', 'after']);
  });

  it('end with their mark when it stands alone', () => {
    const log = read('travis_fold:start:x\ntext\ntravis_fold:end:x\nafter\n');
    expect(shown(log)).toEqual(['x', 'after']);
  });

  it('have nothing to fold when they hold one line', () => {
    const log = read(`travis_fold:start:x${WIPE}$ cd sub\r\ntravis_fold:end:x${WIPE}$ ls\r\n`);
    expect(log.folds.headedBy(0)).toBeNull();
    expect(shown(log)).toEqual(['$ cd sub', '$ ls']);
  });

  it('say how long their commands took', () => {
    expect(read(travis).timeOf(0)).toBe(1500);
    expect(read(travis).timeOf(3)).toBeNull();
  });

  it('are text when a script only shows them', () => {
    const log = read("$ echo -en 'travis_fold:start:x\\r'\nmore\n");
    expect(log.folds.list).toHaveLength(0);
    expect(shown(log)).toEqual(["$ echo -en 'travis_fold:start:x\\r'", 'more']);
  });

  it('are read alike however the log was cut', () => {
    const bytes = encoder.encode(travis);
    for (let cut = 1; cut < bytes.length; cut++) {
      const log = new LogDocument();
      log.append(bytes.subarray(0, cut));
      log.append(bytes.subarray(cut));
      log.finish();
      expect(shown(log), `cut at ${cut}`).toEqual(shown(read(travis)));
    }
  });

  it('of a phase that failed are open, the last of them', () => {
    const fold = (name: string) => `travis_fold:start:${name}${WIPE}$ ${name}\nout\ntravis_fold:end:${name}${WIPE}`;
    const log = read(`${fold('install.1')}${fold('install.2')}end\n`);
    log.folds.setFailedPhases(new Set(['install']));
    expect(shown(log)).toEqual(['$ install.1', '$ install.2', 'out', 'end']);
  });

  it('that end unopened say nothing', () => {
    expect(shown(read(`travis_fold:end:x${WIPE}text\n`))).toEqual(['text']);
  });
});

describe('groups', () => {
  it('are folded, and their end is not a line', () => {
    expect(shown(read('::group::Unit tests\nok\n::endgroup::\nafter\n'))).toEqual(['Unit tests', 'after']);
    expect(shown(read('##[group]Unit tests\nok\n##[endgroup]\nafter\n'))).toEqual(['Unit tests', 'after']);
  });

  it('do not nest: the next one ends the last', () => {
    const log = read('::group::one\n1\n::group::two\n2\n::endgroup::\nafter\n');
    expect(shown(log)).toEqual(['one', 'two', 'after']);
  });

  it('with an error in them are open', () => {
    expect(shown(read('::group::one\n::error::no\n::endgroup::\n'))).toEqual(['one', '::error::no']);
  });

  it('may stand inside of a fold', () => {
    const log = read(
      `travis_fold:start:x${WIPE}$ x\n::group::one\n1\n::endgroup::\nrest\ntravis_fold:end:x${WIPE}after\n`,
    );
    expect(shown(log)).toEqual(['$ x', 'after']);
    log.folds.toggleAll(true);
    expect(shown(log)).toEqual(['$ x', 'one', '1', 'rest', 'after']);
    const inner = log.folds.headedBy(1);
    if (inner) log.folds.toggle(inner);
    expect(shown(log)).toEqual(['$ x', 'one', 'rest', 'after']);
  });
});

describe('the reader', () => {
  const running = () => read('::group::one\n1\n2\n', false);

  it('sees a fold that runs', () => {
    expect(shown(running())).toEqual(['one', '1', '2']);
  });

  it('may fold away what runs, and it stays so while more comes', () => {
    const log = running();
    const fold = log.folds.headedBy(0);
    if (fold) log.folds.toggle(fold, false);
    log.append(encoder.encode('3\n'));
    expect(shown(log)).toEqual(['one']);
  });

  it('may open a fold, and its end does not close it', () => {
    const log = running();
    const fold = log.folds.headedBy(0);
    if (fold) log.folds.toggle(fold, true);
    log.append(encoder.encode('::endgroup::\nafter\n'));
    expect(shown(log)).toEqual(['one', '1', '2', 'after']);
  });

  it('who reads in the middle does not have it folded away', () => {
    const log = running();
    log.append(encoder.encode('::endgroup::\nafter\n'), true);
    expect(shown(log)).toEqual(['one', '1', '2', 'after']);
  });

  it('comes to a line in a fold by its address', () => {
    const log = read('::group::one\n1\n2\n::endgroup::\nafter\n');
    log.folds.reveal(2);
    expect(shown(log)).toEqual(['one', '1', '2', 'after']);
  });
});

describe('rows and lines', () => {
  it('are each the other way round, whatever is hidden', () => {
    const log = read(Array.from({ length: 50 }, (_, i) => `::group::${i}\na\nb\n::endgroup::\nc\n`).join(''));
    log.folds.reveal(101);
    const rows = log.folds.rows(log.lines);
    for (let row = 0; row < rows.count; row++) expect(rows.rowOf(rows.lineOf(row))).toBe(row);
  });

  it('of what is hidden are those of its heading', () => {
    const rows = read('x\n::group::one\n1\n2\n::endgroup::\nafter\n').folds.rows(6);
    expect([0, 1, 2, 3, 4, 5].map((line) => rows.rowOf(line))).toEqual([0, 1, 1, 1, 1, 2]);
  });
});

it('colours go on over lines and over far jumps', () => {
  const log = read(`${'plain\n'.repeat(300)}\x1b[31mred\n${'still red\n'.repeat(1000)}\x1b[0mplain\n`);
  expect(log.runs(1200)[0]?.style.fg).toBe(1);
  expect(log.runs(10)[0]?.style.fg).toBe(-1);
  expect(log.runs(1301)[0]?.style.fg).toBe(-1);
});

it('marks are found where they stand, in order', () => {
  expect(findMarks(`travis_fold:start:a${WIPE}::no\n::group::b\n::endgroup::\n`)).toEqual([
    { at: 0, kind: 'fold-start', name: 'a' },
    { at: 29, kind: 'group-start' },
    { at: 40, kind: 'group-end' },
  ]);
});
