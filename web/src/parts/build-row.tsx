import { buildPath } from '../lib/links';
import type { BuildSummary } from '../types';
import { Counts, StateBadge } from './state';
import { Ago, Took } from './time';

/** One build in a list: the whole of it is read from left to right. */
export function BuildRow({ build }: { build: BuildSummary }) {
  return (
    <li class={`build-row is-${build.state}`}>
      <StateBadge state={build.state} />
      <div class="build-what">
        <a class="build-title" href={buildPath(build.id)}>
          <span class="build-number">#{build.number}</span> {build.title || 'no commit message'}
        </a>
        <p class="build-from">
          <span>{build.repository}</span>
          <Ref build={build} />
          <Sha sha={build.sha} />
          <span>{build.author}</span>
        </p>
        {build.sentence && build.state !== 'passed' && <p class="sentence">{build.sentence}</p>}
      </div>
      <Counts build={build} />
      <p class="build-when">
        <Took from={build.startedAt} to={build.finishedAt} />
        <Ago at={build.createdAt} />
      </p>
    </li>
  );
}

/** The branch, tag or pull request, said with what it is. */
export function Ref({ build }: { build: BuildSummary }) {
  const pull = build.pullRequest;
  if (pull) {
    return (
      <span class="ref" title={`pull request into ${pull.baseBranch}${pull.isFork ? ', from a fork: no secrets' : ''}`}>
        <span class="sr-only">pull request </span>#{pull.number}{' '}
        {pull.isFork ? `${pull.headSlug ?? 'deleted fork'}:` : ''}
        {pull.headBranch}
      </span>
    );
  }
  const name = build.tag ?? build.branch;
  if (name === null) return null;
  return (
    <span class="ref" title={build.tag ? 'tag' : 'branch'}>
      <span class="sr-only">{build.tag ? 'tag' : 'branch'} </span>
      {name}
    </span>
  );
}

export function Sha({ sha }: { sha: string }) {
  return (
    <code class="sha" title={sha}>
      {sha.slice(0, 9)}
    </code>
  );
}
