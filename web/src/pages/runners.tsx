import { api } from '../api';
import { busyInWords, inOrder } from '../lib/runners';
import { AddRunner } from '../parts/add-runner';
import { NothingYet, Refused, useTitle } from '../parts/page-state';
import { RunnerRow } from '../parts/runner-row';
import { useLive } from '../parts/use-live';
import { session } from '../session';
import type { RunnerList } from '../types';

export function RunnersPage() {
  const live = useLive<RunnerList>({
    stream: 'Runners',
    ask: async () => ({ runners: await api.runners() }),
    isOver: () => false,
  });
  const { value, refusal } = live.value;
  useTitle('Runners');
  if (!value) return <NothingYet what="Runners" refusal={refusal} />;
  return (
    <section class="page">
      <div class="page-head">
        <h1>Runners</h1>
        {value.runners.length > 0 && <p class="muted">{busyInWords(value.runners)}</p>}
      </div>
      {refusal && <Refused refusal={refusal} />}
      <Runners list={value} serverVersion={session.value?.version ?? null} />
      <Add isFirst={value.runners.length === 0} />
    </section>
  );
}

export function Runners({ list, serverVersion }: { list: RunnerList; serverVersion: string | null }) {
  if (list.runners.length === 0) return null;
  return (
    <ul class="runners" aria-label="Runners">
      {inOrder(list.runners).map((runner) => (
        <RunnerRow key={runner.name} runner={runner} serverVersion={serverVersion} />
      ))}
    </ul>
  );
}

/** Open when there is no runner yet; else out of the way. */
function Add({ isFirst }: { isFirst: boolean }) {
  const serverUrl = session.value?.publicUrl ?? location.origin;
  if (isFirst) {
    return (
      <div class="empty">
        <h2>No runner yet: jobs wait until there is one</h2>
        <AddRunner serverUrl={serverUrl} />
      </div>
    );
  }
  return (
    <details class="add-runner">
      <summary>Add a runner on another machine</summary>
      <AddRunner serverUrl={serverUrl} />
    </details>
  );
}
