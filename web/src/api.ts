import type { LogChunk } from './lib/resume';
import type {
  BuildDetail,
  BuildList,
  ConditionRecord,
  DeliveryRecord,
  JobDetail,
  Problem,
  PullRequestRule,
  RepositoryRecord,
  RunnerRecord,
  Session,
} from './types';

// The only file that knows fetch.

/** The server said no, in words for a person. Status 0: it did not answer at all. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    title: string,
    readonly detail: string | null,
  ) {
    super(title);
  }
}

const base = '/api/v1';

export const paths = {
  builds: (repository: string | null, before: number | null = null) => `${base}/builds${query({ repository, before })}`,
  build: (id: number) => `${base}/builds/${id}`,
  job: (id: string) => `${base}/jobs/${encodeURIComponent(id)}`,
  /** The log as plain text; also while the job runs. */
  log: (id: string, attempt: number, from = 0) =>
    `${base}/jobs/${encodeURIComponent(id)}/log${query({ attempt: attempt || null, from: from || null })}`,
  repository: (id: number) => `${base}/repositories/${id}`,
  secret: (id: number, name: string) => `${base}/repositories/${id}/secrets/${encodeURIComponent(name)}`,
};

export const api = {
  session: () => ask<Session>('GET', `${base}/session`),
  builds: (repository: string | null, before: number | null) => ask<BuildList>('GET', paths.builds(repository, before)),
  build: (id: number) => ask<BuildDetail>('GET', paths.build(id)),
  job: (id: string) => ask<JobDetail>('GET', paths.job(id)),
  repositories: () => ask<RepositoryRecord[]>('GET', `${base}/repositories`),
  repository: (id: number) => ask<RepositoryRecord>('GET', paths.repository(id)),
  condition: () => ask<ConditionRecord>('GET', `${base}/condition`),
  runners: () => ask<RunnerRecord[]>('GET', `${base}/runners`),
  deliveries: (id: number) => ask<DeliveryRecord[]>('GET', `${paths.repository(id)}/deliveries`),

  startBuild: (repository: string, branch: string | null) =>
    ask<unknown>('POST', `${base}/builds`, { repository, branch }),
  rerunBuild: (id: number) => ask<unknown>('POST', `${paths.build(id)}/rerun`),
  cancelBuild: (id: number) => ask<unknown>('POST', `${paths.build(id)}/cancel`),
  rerunJob: (id: string) => ask<unknown>('POST', `${paths.job(id)}/rerun`),
  cancelJob: (id: string) => ask<unknown>('POST', `${paths.job(id)}/cancel`),

  addRepository: (url: string, slug: string | null) =>
    ask<{ repository: RepositoryRecord; secret: string }>(
      'POST',
      `${base}/repositories`,
      slug ? { url, slug } : { url },
    ),
  changeRepository: (id: number, change: { pullRequests: PullRequestRule }) =>
    ask<RepositoryRecord>('PATCH', paths.repository(id), change),
  removeRepository: (id: number) => ask<unknown>('DELETE', paths.repository(id)),
  /** A new secret for the webhook; the old one is refused from now on. */
  renewHookSecret: (id: number) => ask<{ secret: string }>('POST', `${paths.repository(id)}/secret`),
  sendTest: (id: number) => ask<DeliveryRecord>('POST', `${paths.repository(id)}/deliveries/test`),
  setSecret: (id: number, name: string, value: string) => ask<unknown>('PUT', paths.secret(id, name), { value }),
  removeSecret: (id: number, name: string) => ask<unknown>('DELETE', paths.secret(id, name)),
};

/** A log's bytes from an offset, as they come; for jobs that are over. */
export async function* fetchLog(
  id: string,
  attempt: number,
  from: number,
  stop: AbortSignal,
): AsyncGenerator<LogChunk> {
  const answer = await fetch(paths.log(id, attempt, from), { signal: stop });
  if (!answer.ok) throw await refusal(answer);
  const reader = answer.body?.getReader();
  if (!reader) return;
  try {
    for (let offset = from; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { offset, bytes: value };
      offset += value.length;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** The number of the build that an answer names, where it names one. */
export function buildIdOf(answer: unknown): number | null {
  if (typeof answer !== 'object' || answer === null) return null;
  if ('id' in answer && typeof answer.id === 'number') return answer.id;
  return 'build' in answer ? buildIdOf(answer.build) : null;
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? { Accept: 'application/json' } : { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Refusal(0, 'The server does not answer', 'Is it running? This page goes on as soon as it is back.');
  }
  if (!answer.ok) throw await refusal(answer);
  const text = await answer.text();
  return (text === '' ? null : JSON.parse(text)) as T;
}

async function refusal(answer: Response): Promise<Refusal> {
  const problem = (await answer.json().catch(() => null)) as Partial<Problem> | null;
  return new Refusal(answer.status, problem?.title ?? `The server answered ${answer.status}`, problem?.detail ?? null);
}

function query(parameters: Record<string, string | number | null>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== '');
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
