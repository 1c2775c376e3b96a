import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api';
import { exactly } from '../lib/time';
import type { ConditionRecord } from '../types';
import { Copy } from './copy';
import { Ago } from './time';
import { useLive } from './use-live';

/** What is wrong with the server, on every page while it is, as the server finds it out. */
export function Condition() {
  const live = useLive<ConditionRecord>({ stream: 'Condition', ask: api.condition, isOver: () => false });
  return <Troubles condition={live.value.value} />;
}

/** The element that speaks stands there from the start: a screen reader tells what comes into it, not what comes with it. */
export function Troubles({ condition }: { condition: ConditionRecord | null }) {
  const troubles = condition?.troubles ?? [];
  const recovered = useRecovered(troubles.map((one) => one.title));
  return (
    <>
      <div class="troubles" role="alert" aria-atomic="false">
        {troubles.map((one) => (
          <div key={one.part} class="banner">
            <p>
              <strong>{one.title}</strong> <Since at={one.since} />
            </p>
            <p>{one.detail}</p>
            <p class="remedy">
              <span>To mend it:</span> <code>{one.remedy}</code>{' '}
              <Copy text={one.remedy} what="the line that mends it" />
            </p>
          </div>
        ))}
      </div>
      <p class="sr-only" role="status">
        {recovered}
      </p>
    </>
  );
}

/** Not told again at each minute that passes. */
function Since({ at }: { at: string }) {
  return (
    <span class="muted" aria-live="off">
      since {exactly(at)}, <Ago at={at} />
    </span>
  );
}

/** Words for who cannot see that the banner is gone. */
function useRecovered(titles: string[]): string {
  const before = useRef<string[]>([]);
  const [words, setWords] = useState('');
  const now = titles.join('\n');
  useEffect(() => {
    const gone = before.current.filter((title) => !titles.includes(title));
    before.current = titles;
    setWords(gone.map((title) => `No longer: ${title}`).join('. '));
  }, [now]);
  return words;
}
