import { api, buildIdOf } from '../api';
import { layOut } from '../lib/grid';
import { buildPath } from '../lib/links';
import { buildTitle, countsInWords, isFinal } from '../lib/state';
import { Action, SignInHint } from '../parts/action';
import { Ref, Sha } from '../parts/build-row';
import { Copy } from '../parts/copy';
import { Grid, JobList } from '../parts/grid';
import { NothingYet, Notice, Refused, useTitle } from '../parts/page-state';
import { Problems } from '../parts/problems';
import { Counts, StateBadge } from '../parts/state';
import { Ago, Took } from '../parts/time';
import { useLive } from '../parts/use-live';
import { go } from '../place';
import type { PageProps } from '../routes';
import type { BuildDetail, BuildSummary, TriggerKind } from '../types';

export function BuildPage({ id }: PageProps) {
  const number = Number(id);
  const live = useLive<BuildDetail>({
    stream: 'Build',
    argument: number,
    ask: () => api.build(number),
    isOver: ({ build, jobs }) => isFinal(build.state) && jobs.every((job) => isFinal(job.state)),
  });
  const { value, refusal } = live.value;
  if (!value) return <NothingYet what={`Build ${id}`} refusal={refusal} />;
  return <Shown detail={value} refusal={refusal} />;
}

function Shown({ detail, refusal }: { detail: BuildDetail; refusal: Parameters<typeof Refused>[0]['refusal'] | null }) {
  const { build, jobs, problems } = detail;
  useTitle(buildTitle(build));
  const layout = layOut(detail.axes, jobs);
  return (
    <section class="page">
      <Head build={build} configFile={detail.configFile} />
      {refusal && <Refused refusal={refusal} />}
      <SignInHint />
      {build.sentence && build.state !== 'passed' && !(build.reason === 'config' && problems.length > 0) && (
        <Notice kind={build.state === 'failed' || build.state === 'errored' ? 'error' : 'note'} title={build.sentence}>
          {build.reason && build.reason !== 'jobs' && (
            <p class="muted">
              Reason: <code>{build.reason}</code>
            </p>
          )}
        </Notice>
      )}
      <Problems problems={problems} />
      <p class="sr-only" role="status" aria-live="polite">
        {countsInWords(build)}
      </p>
      {layout.rows.length > 0 && <Grid layout={layout} />}
      {layout.extra.length > 0 && (
        <>
          {layout.rows.length > 0 && <h2>Jobs beside the grid</h2>}
          <JobList jobs={layout.extra} />
        </>
      )}
      {jobs.length === 0 && <NoJobs build={build} />}
      {jobs.length > 1 && (
        <p class="keys muted">
          Keys: arrows or <kbd>h</kbd> <kbd>j</kbd> <kbd>k</kbd> <kbd>l</kbd> move, <kbd>Enter</kbd> opens.
        </p>
      )}
    </section>
  );
}

const TRIGGERS: Record<TriggerKind, string> = {
  push: 'pushed',
  tag: 'tagged',
  pull: 'pull request',
  manual: 'started by hand',
  cron: 'by timetable',
  rerun: 'run again',
};

function Head({ build, configFile }: { build: BuildSummary; configFile: string | null }) {
  return (
    <header class="head">
      <nav class="crumbs" aria-label="Where you are">
        <a href={`/?repository=${encodeURIComponent(build.repository)}`}>{build.repository}</a>
        <span aria-hidden="true">/</span>
        <span>#{build.number}</span>
      </nav>
      <div class="head-main">
        <StateBadge state={build.state} large />
        <h1>{build.title || `Build #${build.number}`}</h1>
        <div class="actions">
          {isFinal(build.state) ? (
            <Action
              run={async () => {
                const next = buildIdOf(await api.rerunBuild(build.id));
                if (next !== null && next !== build.id) go(buildPath(next));
              }}
            >
              Run again
            </Action>
          ) : (
            <Action
              kind="danger"
              run={async () => {
                await api.cancelBuild(build.id);
              }}
            >
              Cancel
            </Action>
          )}
        </div>
      </div>
      <p class="facts">
        <Ref build={build} />
        <span>
          <Sha sha={build.sha} />
          <Copy text={build.sha} what="commit hash" />
        </span>
        <span>{build.author}</span>
        <span>
          {TRIGGERS[build.trigger] ?? build.trigger} <Ago at={build.createdAt} />
        </span>
        {build.startedAt && (
          <span>
            {build.finishedAt ? 'took' : 'for'} <Took from={build.startedAt} to={build.finishedAt} />
          </span>
        )}
        {configFile && <code>{configFile}</code>}
      </p>
      <Counts build={build} />
    </header>
  );
}

function NoJobs({ build }: { build: BuildSummary }) {
  if (isFinal(build.state)) return <p class="muted">This build has no jobs.</p>;
  return <p class="muted">Its jobs are being planned: the commit is fetched and its configuration read.</p>;
}
