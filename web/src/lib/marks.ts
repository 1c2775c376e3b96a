/** Something in a log that is meant for us, not for the reader. */
export type Mark =
  | { at: number; kind: 'fold-start' | 'fold-end' | 'time-start'; name: string }
  | { at: number; kind: 'time-end'; name: string; milliseconds: number }
  | { at: number; kind: 'group-start' | 'group-end' | 'error' };

/** What to look for first, because indexOf is ten times quicker than a regular expression over a large log. */
const NEEDLES = ['travis_fold:', 'travis_time:', '::group::', '::endgroup::', '::error', '##['];

// A mark ends where a terminal would wipe it out, or with its line: `echo 'travis_fold:start:x\r'` in a script that is
// shown with its commands is text.
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals wipe with control characters
const FOLD = /travis_fold:(start|end):([^\s\x1b]+)(?=[\r\n\x1b]|$)/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const TIME = /travis_time:(start|end):([\w.-]+)(?::start=\d+,finish=\d+,duration=(\d+)[^\s\x1b]*)?(?=[\r\n\x1b]|$)/y;
const GROUP = /(?:::|##\[)(group|endgroup|error)(?:::|\]| )/y;

/** The marks of a text whose characters are bytes, in order. */
export function findMarks(text: string): Mark[] {
  const marks: Mark[] = [];
  for (const needle of NEEDLES) {
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
      const mark = startsAfresh(text, at) ? readMark(text, at) : null;
      if (mark) marks.push(mark);
    }
  }
  return marks.sort((one, other) => one.at - other.at);
}

/** At the start of a line, after a return to it, or after an escape sequence (which wiped out the mark before). */
function startsAfresh(text: string, at: number): boolean {
  if (at === 0) return true;
  const before = text[at - 1];
  if (before === '\n' || before === '\r') return true;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
  return (before === 'K' || before === 'm') && /\x1b\[[0-9;]*[Km]$/.test(text.slice(Math.max(0, at - 16), at));
}

function readMark(text: string, at: number): Mark | null {
  const read = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  const fold = read(FOLD);
  if (fold) return { at, kind: fold[1] === 'start' ? 'fold-start' : 'fold-end', name: fold[2] ?? '' };
  const time = read(TIME);
  if (time?.[1] === 'start') return { at, kind: 'time-start', name: time[2] ?? '' };
  if (time?.[3]) return { at, kind: 'time-end', name: time[2] ?? '', milliseconds: Number(time[3]) / 1e6 };
  const group = read(GROUP)?.[1];
  if (group === 'group') return { at, kind: 'group-start' };
  if (group === 'endgroup') return { at, kind: 'group-end' };
  return group === 'error' ? { at, kind: 'error' } : null;
}

/** What is left for the reader of a line that carries a mark in plain sight. */
export function withoutMarks(text: string): string {
  return text.replace(/^(?:::group::|##\[group\])/, '').replace(/^travis_(?:fold|time):(?:start|end):\S+$/, '');
}
