import { type AnyState, countsInOrder, STATES } from '../lib/state';
import type { BuildSummary } from '../types';

/** Each state has a shape of its own, so that nobody needs to tell red from green. */
const SHAPES: Record<AnyState, preact.JSX.Element> = {
  passed: (
    <>
      <circle class="fill" cx="8" cy="8" r="7" />
      <path class="cut" d="m4.7 8.3 2.3 2.3 4.3-4.8" />
    </>
  ),
  failed: (
    <>
      <rect class="fill" x="1.5" y="1.5" width="13" height="13" rx="2.5" />
      <path class="cut" d="m5.2 5.2 5.6 5.6m0-5.6-5.6 5.6" />
    </>
  ),
  errored: (
    <>
      <path class="fill" d="M8 .9 15.6 14.6H.4z" />
      <path class="cut" d="M8 5.6v4.2m0 2.1v.3" />
    </>
  ),
  running: (
    <>
      <circle class="track" cx="8" cy="8" r="6" />
      <path class="arc" d="M8 2a6 6 0 0 1 6 6" />
      <path class="fill" d="m6.6 5.4 4 2.6-4 2.6z" />
    </>
  ),
  queued: (
    <>
      <circle class="track" cx="8" cy="8" r="6" />
      <path class="line" d="M5.2 8h.1m2.7 0h.1m2.7 0h.1" />
    </>
  ),
  waiting: (
    <>
      <circle class="dashed" cx="8" cy="8" r="6" />
      <path class="line thin" d="M8 5v3.2l2 1.3" />
    </>
  ),
  cancelled: (
    <>
      <circle class="track" cx="8" cy="8" r="6" />
      <path class="line thin" d="m3.9 12.1 8.2-8.2" />
    </>
  ),
};

/** A state's shape alone; the word must stand beside it. */
export function StateShape({ state, size = 16 }: { state: AnyState; size?: number }) {
  return (
    <svg class={`shape is-${state}`} viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      {SHAPES[state]}
    </svg>
  );
}

/** Shape and word. */
export function StateBadge({ state, large }: { state: AnyState; large?: boolean }) {
  return (
    <span class={`badge is-${state}${large ? ' large' : ''}`}>
      <StateShape state={state} size={large ? 22 : 16} />
      <span>{STATES[state].word}</span>
    </span>
  );
}

/** How a build's jobs stand: a shape, a number and a word for each state there is. */
export function Counts({ build }: { build: BuildSummary }) {
  const counts = countsInOrder(build.jobCounts);
  if (counts.length === 0) return null;
  return (
    <ul class="counts">
      {counts.map(([state, count]) => (
        <li key={state} class={`is-${state}`}>
          <StateShape state={state} size={13} />
          <span>
            {count} {STATES[state].word}
          </span>
        </li>
      ))}
    </ul>
  );
}
