import type { BuildDetail, BuildSummary, JobSummary } from '../src/types';

/** Valid things to start from. */
export function job(cell: number, values: Record<string, string>, over: Partial<JobSummary> = {}): JobSummary {
  return {
    id: `42.${cell}`,
    cell,
    values: Object.entries(values).map(([axis, value]) => ({ axis, value })),
    name: null,
    state: 'passed',
    reason: 'exit-code',
    sentence: 'Every command exited 0.',
    allowFailure: false,
    attempt: 1,
    waitsFor: null,
    runner: 'builtin-1',
    bundle: 'c',
    isUnlocked: false,
    bundleDigest: null,
    exitCode: 0,
    use: null,
    startedAt: '2026-11-24T05:00:00Z',
    finishedAt: '2026-11-24T05:01:23Z',
    ...over,
  };
}

export function build(over: Partial<BuildSummary> = {}): BuildSummary {
  return {
    id: 42,
    number: 12,
    repositoryId: 1,
    repository: 'owner/repo',
    state: 'passed',
    reason: null,
    sentence: null,
    trigger: 'push',
    pullRequest: null,
    branch: 'main',
    tag: null,
    sha: '8f60b65d1c42dcd90ac9ba0ed64bb7ea4a0a51c7',
    title: 'A commit',
    author: 'Ada',
    createdAt: '2026-11-24T05:00:00Z',
    startedAt: '2026-11-24T05:00:01Z',
    finishedAt: '2026-11-24T05:02:00Z',
    jobCounts: {},
    ...over,
  };
}

export function detail(axes: string[], jobs: JobSummary[]): BuildDetail {
  return { build: build(), configFile: '.testgrid.yml', problems: [], axes, jobs };
}
