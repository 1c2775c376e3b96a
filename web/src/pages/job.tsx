import { type Signal, useSignal } from '@preact/signals';
import { api, buildIdOf, type Refusal } from '../api';
import { buildPath, jobPath } from '../lib/links';
import { isFinal } from '../lib/state';
import { duration } from '../lib/time';
import { useInWords } from '../lib/use';
import { Action } from '../parts/action';
import { Ref, Sha } from '../parts/build-row';
import { Copy } from '../parts/copy';
import { valuesInWords } from '../parts/grid';
import { LogView } from '../parts/log-view';
import { NothingYet, Refused, useTitle } from '../parts/page-state';
import { StateBadge } from '../parts/state';
import { Ago, Took } from '../parts/time';
import { useLive } from '../parts/use-live';
import { go, place, settle } from '../place';
import type { PageProps } from '../routes';
import type { JobDetail, PhaseRecord } from '../types';

export function JobPage({ id }: PageProps) {
  const live = useLive<JobDetail>({
    stream: 'Job',
    argument: id,
    ask: () => api.job(id),
    isOver: ({ job, build }) => isFinal(job.state) && isFinal(build.state),
  });
  const { value, refusal } = live.value;
  if (!value) return <NothingYet what={`Job ${id}`} refusal={refusal} />;
  return <Shown detail={value} refusal={refusal} />;
}

function Shown({ detail, refusal }: { detail: JobDetail; refusal: Refusal | null }) {
  const { job, build } = detail;
  const wanted = useSignal<number | null>(null);
  const chosen = Number(new URLSearchParams(place.value.search).get('attempt') ?? '') || null;
  const attempt = chosen ?? job.attempt;
  useTitle(`${job.state} - ${build.repository} #${build.number}.${job.cell}`);
  return (
    <section class="page job">
      <Head detail={detail} attempt={attempt} />
      {refusal && <Refused refusal={refusal} />}
      {attempt === job.attempt && detail.phases.length > 0 && <Phases phases={detail.phases} wanted={wanted} />}
      {job.attempt === 0 ? (
        <NoLog detail={detail} />
      ) : (
        <LogView key={`${job.id} ${attempt}`} detail={detail} attempt={attempt} wanted={wanted} />
      )}
    </section>
  );
}

function Head({ detail, attempt }: { detail: JobDetail; attempt: number }) {
  const { job, build, attempts } = detail;
  const shown = attempts.find((one) => one.attempt === attempt && one.attempt !== job.attempt) ?? job;
  return (
    <header class="head">
      <nav class="crumbs" aria-label="Where you are">
        <a href={`/?repository=${encodeURIComponent(build.repository)}`}>{build.repository}</a>
        <span aria-hidden="true">/</span>
        <a class="cut" href={buildPath(build.id)}>
          #{build.number} {build.title}
        </a>
        <span aria-hidden="true">/</span>
        <span>{job.id}</span>
      </nav>
      <div class="head-main">
        <StateBadge state={shown.state} large />
        <h1>{job.name ?? (job.values.length > 0 ? valuesInWords(job) : `Job ${job.id}`)}</h1>
        {job.allowFailure && <span class="may-fail">may fail</span>}
        <div class="actions">
          <Attempts detail={detail} attempt={attempt} />
          <Actions detail={detail} />
        </div>
      </div>
      {shown.sentence && (
        <p class={`sentence is-${shown.state}`}>
          {shown.sentence}
          {shown.reason && shown.state !== 'passed' && <code class="reason">{shown.reason}</code>}
        </p>
      )}
      {job.waitsFor && !isFinal(job.state) && (
        <p class="sentence" role="status">
          Waits for: {job.waitsFor}
        </p>
      )}
      <p class="facts">
        <Ref build={build} />
        <Sha sha={build.sha} />
        {shown.startedAt && (
          <span>
            {shown.finishedAt ? 'took' : 'for'} <Took from={shown.startedAt} to={shown.finishedAt} />
          </span>
        )}
        {shown.startedAt && <Ago at={shown.startedAt} />}
        {shown.runner && <span>on {shown.runner}</span>}
        <Bundle name={job.bundle} digest={job.bundleDigest} isUnlocked={job.isUnlocked} />
        {job.exitCode !== null && <span>exit code {job.exitCode}</span>}
        {shown === job && job.use && <span>used {useInWords(job.use)}</span>}
      </p>
    </header>
  );
}

/** What the job stood on: enough of the digest to tell two apart, all of it to copy. */
function Bundle({ name, digest, isUnlocked }: { name: string; digest: string | null; isUnlocked: boolean }) {
  return (
    <span>
      bundle {isUnlocked ? <code title={name}>{shortImage(name)}</code> : name}
      {isUnlocked && (
        <span class="badge is-waiting" title="An image of others: nobody can say what it was built from">
          unlocked
        </span>
      )}
      {digest && (
        <>
          {' '}
          <code class="sha" title={digest}>
            {digest.replace(/^sha256:/, '').slice(0, 12)}
          </code>
          <Copy text={digest} what="bundle digest" />
        </>
      )}
    </span>
  );
}

/** An image without its manifest's digest, which is a second long number beside the bundle's own. */
export function shortImage(name: string): string {
  return name.replace(/@sha256:[0-9a-f]{64}$/, '');
}

function Attempts({ detail, attempt }: { detail: JobDetail; attempt: number }) {
  const { job, attempts } = detail;
  if (attempts.length < 2) return null;
  return (
    <label class="filter">
      Attempt
      <select
        value={String(attempt)}
        onChange={(event) => {
          const chosen = Number(event.currentTarget.value);
          settle(chosen === job.attempt ? jobPath(job.id) : `${jobPath(job.id)}?attempt=${chosen}`);
        }}
      >
        {attempts.map((one) => (
          <option key={one.attempt} value={String(one.attempt)}>
            {one.attempt}: {one.state}
          </option>
        ))}
      </select>
    </label>
  );
}

function Actions({ detail }: { detail: JobDetail }) {
  const { job, build } = detail;
  if (!isFinal(job.state)) {
    return (
      <Action
        kind="danger"
        run={async () => {
          await api.cancelJob(job.id);
        }}
      >
        Cancel
      </Action>
    );
  }
  return (
    <Action
      run={async () => {
        const next = buildIdOf(await api.rerunJob(job.id));
        if (next !== null && next !== build.id) go(buildPath(next));
      }}
    >
      Run again
    </Action>
  );
}

/** The job's phases, how long each took, and where its output begins. */
function Phases({ phases, wanted }: { phases: PhaseRecord[]; wanted: Signal<number | null> }) {
  return (
    <ol class="phases" aria-label="Phases">
      {phases.map((phase) => (
        <li key={`${phase.phase} ${phase.logOffset}`}>
          <button
            type="button"
            class={`phase ${phase.exitCode === 0 ? 'is-passed' : 'is-failed'}`}
            onClick={() => {
              wanted.value = phase.logOffset;
            }}
          >
            <span aria-hidden="true">{phase.exitCode === 0 ? '✓' : '✕'}</span> {phase.phase}
            {phase.exitCode !== 0 && <span> exit {phase.exitCode}</span>}
            <span class="took">{duration(phase.seconds * 1000)}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

function NoLog({ detail: { job } }: { detail: JobDetail }) {
  if (isFinal(job.state)) return <p class="muted">It never started, so it has no log.</p>;
  return <p class="muted">No runner has taken it yet. Its log appears here as soon as one does.</p>;
}
