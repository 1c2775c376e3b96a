// The server's records, word for word: a C# test holds both sides to it (tests/TestGrid.Tests/Server/Dashboard).
// REST answers are JSON of these; the hub's snapshot streams carry the same JSON as UTF-8 bytes.

export type JobState = 'waiting' | 'queued' | 'running' | 'passed' | 'failed' | 'errored' | 'cancelled';

/** A build has no queue of its own: it waits, runs, and ends as its jobs say. */
export type BuildState = 'waiting' | 'running' | 'passed' | 'failed' | 'errored' | 'cancelled';

export type RunnerState = 'connected' | 'away' | 'stopped';

export type TriggerKind = 'push' | 'tag' | 'pull' | 'manual' | 'cron' | 'rerun';

/** Which pull requests are built. */
export type PullRequestRule = 'none' | 'own' | 'all';

export interface BuildSummary {
  /** The global key: 42. */
  id: number;
  /** The number within its repository. */
  number: number;
  repositoryId: number;
  /** owner/name */
  repository: string;
  state: BuildState;
  /** A code, such as config or commit-gone; null while there is nothing to say. */
  reason: string | null;
  /** The same for a person. */
  sentence: string | null;
  trigger: TriggerKind;
  /** The pull request whose merge it tests. */
  pullRequest: PullSummary | null;
  branch: string | null;
  tag: string | null;
  sha: string;
  title: string;
  author: string;
  /** ISO 8601, UTC, as all times. */
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  /** How many of its jobs are in each state; states without a job are left out. */
  jobCounts: Partial<Record<JobState, number>>;
}

export interface PullSummary {
  number: number;
  baseBranch: string;
  headBranch: string;
  headSlug: string | null;
  /** It comes from another repository, and gets no secrets. */
  isFork: boolean;
}

export interface BuildList {
  builds: BuildSummary[];
  /** Ask for builds before this id to go on; null at the end. */
  before: number | null;
}

export interface AxisValue {
  axis: string;
  value: string;
}

export interface ConfigProblem {
  file: string;
  line: number;
  column: number;
  code: string;
  message: string;
  remedy: string | null;
  isError: boolean;
  /** The place as keys with dots; null where it is not one key's. */
  key: string | null;
}

export interface JobSummary {
  /** 42.3 */
  id: string;
  cell: number;
  values: AxisValue[];
  name: string | null;
  state: JobState;
  reason: string | null;
  sentence: string | null;
  allowFailure: boolean;
  /** 0 before the first runner claimed it. */
  attempt: number;
  /** What it waits for, in words; null when it does not wait. */
  waitsFor: string | null;
  runner: string | null;
  /** As the configuration names it: a recipe, a digest, an image. */
  bundle: string;
  /** sha256:… once it is known. */
  bundleDigest: string | null;
  exitCode: number | null;
  /** What its last attempt used; null before its end, and when nobody counted. */
  use: JobUse | null;
  startedAt: string | null;
  finishedAt: string | null;
  /** An image of others: nobody can say what it was built from. */
  isUnlocked: boolean;
}

/** A figure that nobody counted is null, never 0. */
export interface JobUse {
  /** The most at one time, with files in memory. */
  peakMemoryBytes: number | null;
  /** Processor time of all its processes. */
  cpuSeconds: number | null;
  /** What it held over its bundle and checkout when its script had ended. */
  diskBytes: number | null;
}

export interface BuildDetail {
  build: BuildSummary;
  configFile: string | null;
  problems: ConfigProblem[];
  /** The axes that vary, in order. */
  axes: string[];
  jobs: JobSummary[];
}

export interface PhaseRecord {
  phase: string;
  exitCode: number;
  seconds: number;
  /** Where its output starts in the log, in bytes. */
  logOffset: number;
}

/** A command of the script, and what it used: the most memory while it ran, its processor time, and what it added on disk. */
export interface CommandRecord {
  phase: string;
  command: string;
  exitCode: number;
  seconds: number;
  /** The name of its travis_time marks in the log; empty without them. */
  timer: string;
  use: JobUse | null;
}

export interface AttemptRecord {
  attempt: number;
  state: JobState;
  reason: string | null;
  sentence: string | null;
  runner: string;
  startedAt: string;
  finishedAt: string | null;
  logBytes: number;
}

export interface JobDetail {
  job: JobSummary;
  build: BuildSummary;
  phases: PhaseRecord[];
  commands: CommandRecord[];
  attempts: AttemptRecord[];
  logBytes: number;
}

export interface RepositoryRecord {
  id: number;
  host: string;
  /** owner/name */
  slug: string;
  url: string;
  createdAt: string;
  /** Where the git host shall post: <public url>/hooks/r/{id}. */
  webhookUrl: string;
  secretNames: string[];
  lastDelivery: DeliveryRecord | null;
  /** Configurations of other repositories may import its files. */
  sharesConfig: boolean;
  pullRequests: PullRequestRule;
}

export interface DeliveryRecord {
  id: number;
  /** The git host's folder: github, generic. */
  host: string;
  /** The host's own id of the delivery. */
  deliveryId: string;
  event: string;
  receivedAt: string;
  /** accepted, duplicate, ignored, refused, unusable */
  outcome: string;
  why: string;
  buildId: number | null;
}

export interface Session {
  /** May this browser write? */
  signedIn: boolean;
  /** Is reading open to whoever reaches the server? */
  readsAreOpen: boolean;
  version: string;
  publicUrl: string;
}

/** RFC 9457. */
export interface Problem {
  title: string;
  status: number;
  detail?: string;
}

/** A runner: what it offers, what it runs, when it was last heard. */
export interface RunnerRecord {
  name: string;
  /** It lives in the server's own process. */
  embedded: boolean;
  state: RunnerState;
  /** How many jobs it runs at a time. */
  slots: number;
  version: string;
  os: string;
  arch: string;
  engines: string[];
  /** The recipes whose bundle is there already. */
  bundles: string[];
  /** What it runs now: 42.3 */
  jobs: string[];
  heardAt: string;
}

export interface RunnerList {
  runners: RunnerRecord[];
}

/** A part of the server that cannot do its work. */
export interface TroubleRecord {
  /** database, disk, queue */
  part: string;
  title: string;
  /** Why, and what goes on meanwhile. */
  detail: string;
  /** A line to paste that mends it, or the first step to it. */
  remedy: string;
  since: string;
}

/** How the server is. Without a trouble it is ready. */
export interface ConditionRecord {
  troubles: TroubleRecord[];
}
