import { render } from '@testing-library/preact';
import { describe, expect, it } from 'vitest';
import { buildTitle, countsInOrder, countsInWords, isFinal, STATES } from '../src/lib/state';
import { StateBadge, StateShape } from '../src/parts/state';
import type { JobState } from '../src/types';
import { build } from './some';

const states = Object.keys(STATES) as JobState[];

describe('a state', () => {
  it('has a letter and a word of its own', () => {
    expect(new Set(states.map((state) => STATES[state].letter)).size).toBe(states.length);
    expect(states.map((state) => STATES[state].word)).toEqual(states);
  });

  it('has a shape of its own: it is never only a colour', () => {
    const shapes = states.map(
      (state) => render(<StateShape state={state} />).container.querySelector('svg')?.innerHTML,
    );
    expect(new Set(shapes).size).toBe(states.length);
  });

  it('is told in words to who does not see the shape', () => {
    const { container } = render(<StateBadge state="failed" />);
    expect(container.textContent).toBe('failed');
    expect(container.querySelector('svg')?.getAttribute('aria-hidden')).toBe('true');
  });

  it('is final for four of them', () => {
    expect(states.filter(isFinal)).toEqual(['passed', 'failed', 'errored', 'cancelled']);
  });
});

describe("a build's counts", () => {
  it('tell first what asks for eyes', () => {
    expect(countsInOrder({ passed: 3, running: 1, failed: 2, queued: 0 })).toEqual([
      ['failed', 2],
      ['running', 1],
      ['passed', 3],
    ]);
  });

  it('are a sentence', () => {
    expect(countsInWords({ state: 'failed', jobCounts: { passed: 3, failed: 2 } })).toBe('2 failed, 3 passed');
    expect(countsInWords({ state: 'errored', jobCounts: {} })).toBe('errored');
  });

  it("name the browser's tab", () => {
    expect(buildTitle(build({ state: 'failed', jobCounts: { failed: 2, passed: 2 } }))).toBe(
      '2 failed - owner/repo #12',
    );
    expect(buildTitle(build({ jobCounts: { passed: 4 } }))).toBe('passed - owner/repo #12');
    expect(buildTitle(build({ state: 'errored' }))).toBe('errored - owner/repo #12');
  });
});
