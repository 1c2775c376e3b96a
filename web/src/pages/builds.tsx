import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api';
import { inWords, SignInHint } from '../parts/action';
import { BuildRow } from '../parts/build-row';
import { FirstSteps } from '../parts/first-steps';
import { NothingYet, Refused, useTitle } from '../parts/page-state';
import { useLive } from '../parts/use-live';
import { place, settle } from '../place';
import type { BuildList, BuildSummary } from '../types';

export function BuildsPage() {
  const repository = new URLSearchParams(place.value.search).get('repository');
  const live = useLive<BuildList>({
    stream: 'Builds',
    argument: repository,
    ask: () => api.builds(repository, null),
    isOver: () => false,
  });
  const older = useOlder(repository);
  const { value, refusal } = live.value;

  useTitle(repository ? `Builds of ${repository}` : 'Builds');
  if (!value) return <NothingYet what="Builds" refusal={refusal} />;

  const builds = [...value.builds, ...older.builds.filter((old) => value.builds.every((build) => build.id !== old.id))];
  const before = older.builds.length > 0 ? older.before : value.before;
  return (
    <section class="page">
      <div class="page-head">
        <h1>Builds</h1>
        <Filter repository={repository} builds={builds} />
      </div>
      <SignInHint />
      {refusal && <Refused refusal={refusal} />}
      {builds.length === 0 ? (
        <Empty repository={repository} />
      ) : (
        <ul class="builds" aria-label="Builds, newest first">
          {builds.map((build) => (
            <BuildRow key={build.id} build={build} />
          ))}
        </ul>
      )}
      {before !== null && (
        <p class="more">
          <button type="button" disabled={older.busy} onClick={() => older.load(before)}>
            Older builds
          </button>
          <span class="trouble" role="status">
            {older.trouble}
          </span>
        </p>
      )}
    </section>
  );
}

/** Pages of older builds below the live one. They are over and done with, nearly always: asked for once. */
function useOlder(repository: string | null) {
  const pages = useSignal<BuildList>({ builds: [], before: null });
  const busy = useSignal(false);
  const trouble = useSignal<string | null>(null);
  useEffect(() => {
    pages.value = { builds: [], before: null };
  }, [repository]);
  const load = async (before: number) => {
    busy.value = true;
    trouble.value = null;
    try {
      const page = await api.builds(repository, before);
      pages.value = { builds: [...pages.value.builds, ...page.builds], before: page.before };
    } catch (error) {
      trouble.value = inWords(error);
    } finally {
      busy.value = false;
    }
  };
  return { ...pages.value, busy: busy.value, trouble: trouble.value, load };
}

/** Which repository's builds: those registered, and those seen. */
function Filter({ repository, builds }: { repository: string | null; builds: BuildSummary[] }) {
  const registered = useSignal<string[]>([]);
  useEffect(() => {
    api.repositories().then(
      (all) => {
        registered.value = all.map((one) => one.slug);
      },
      () => {},
    );
  }, []);
  const known = new Set([...registered.value, ...builds.map((build) => build.repository)]);
  if (repository) known.add(repository);
  if (known.size < 2 && !repository) return null;
  return (
    <label class="filter">
      Repository
      <select
        value={repository ?? ''}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          settle(chosen ? `/?repository=${encodeURIComponent(chosen)}` : '/');
        }}
      >
        <option value="">all</option>
        {[...known].sort().map((slug) => (
          <option key={slug} value={slug}>
            {slug}
          </option>
        ))}
      </select>
    </label>
  );
}

function Empty({ repository }: { repository: string | null }) {
  if (!repository) return <FirstSteps />;
  return (
    <div class="empty">
      <p>
        <strong>{repository}</strong> has no builds yet. Push a commit, or start one:
      </p>
      <pre>
        <code>testgrid build start {repository}</code>
      </pre>
      <p>
        <a href="/">All builds</a>
      </p>
    </div>
  );
}
