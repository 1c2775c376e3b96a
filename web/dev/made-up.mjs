// A made-up world for looking at the dashboard without a server: builds of every state, a running log, large logs.

const now = Date.now();
const at = (secondsAgo) => new Date(now - secondsAgo * 1000).toISOString();
const DIGEST = 'sha256:9f2c4be1d07a55c3e8b1f64a0c7d2e91b3a8f6d4c5e7081926354a7b8c9d0e1f';

export const session = { signedIn: true, readsAreOpen: true, version: '0.1.0', publicUrl: 'http://127.0.0.1:8080' };

function counts(jobs) {
  const all = {};
  for (const { state } of jobs) all[state] = (all[state] ?? 0) + 1;
  return all;
}

function build(id, over) {
  return {
    id,
    number: id - 30,
    repositoryId: 1,
    repository: 'redis/hiredis',
    state: 'passed',
    reason: null,
    sentence: null,
    trigger: 'push',
    pullRequest: null,
    branch: 'master',
    tag: null,
    sha: '8f60b65d1c42dcd90ac9ba0ed64bb7ea4a0a51c7',
    title: 'Fix a leak in redisReconnect',
    author: 'Ada Lovelace',
    createdAt: at(3600),
    startedAt: at(3598),
    finishedAt: at(3300),
    jobCounts: {},
    ...over,
  };
}

function job(buildId, cell, values, over) {
  return {
    id: `${buildId}.${cell}`,
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
    bundleDigest: DIGEST,
    exitCode: 0,
    startedAt: at(3590),
    finishedAt: at(3500 + cell * 7),
    ...over,
  };
}

const FAILED = {
  state: 'failed',
  exitCode: 2,
  sentence: 'The command «make check» in script exited with 2.',
};
const RUNNING = { state: 'running', exitCode: null, reason: null, sentence: null, startedAt: at(75), finishedAt: null };
const QUEUED = { ...RUNNING, state: 'queued', attempt: 0, startedAt: null, runner: null, bundleDigest: null };
const WAITING = { ...QUEUED, state: 'waiting' };

const grid = [
  job(42, 1, { compiler: 'gcc', os: 'bookworm', env: 'CMAKE=0' }),
  job(42, 2, { compiler: 'gcc', os: 'bookworm', env: 'CMAKE=1' }, { ...FAILED, attempt: 2 }),
  job(42, 3, { compiler: 'gcc', os: 'trixie', env: 'CMAKE=0' }, RUNNING),
  job(
    42,
    4,
    { compiler: 'clang', os: 'bookworm', env: 'CMAKE=0' },
    { ...QUEUED, waitsFor: 'a free slot: 2 jobs are before it' },
  ),
  job(
    42,
    5,
    { compiler: 'clang', os: 'bookworm', env: 'CMAKE=1' },
    { ...WAITING, waitsFor: 'bundle c is being built, 40 %' },
  ),
  job(42, 6, { compiler: 'clang', os: 'trixie', env: 'CMAKE=0' }, { ...FAILED, allowFailure: true }),
  job(
    42,
    7,
    { compiler: 'clang', os: 'trixie', env: 'CMAKE=1' },
    { state: 'errored', reason: 'timeout', exitCode: null, sentence: 'It ran longer than its limit of 50 minutes.' },
  ),
  job(
    42,
    8,
    { compiler: 'tcc', os: 'bookworm', env: 'CMAKE=0' },
    { state: 'cancelled', reason: 'cancelled', exitCode: null },
  ),
  job(42, 9, { compiler: 'tcc', os: 'trixie', env: 'CMAKE=0' }),
  job(42, 10, { compiler: 'gcc', valgrind: '1' }, { name: 'Valgrind' }),
  job(
    42,
    11,
    { compiler: 'gcc', os: 'macos' },
    {
      state: 'errored',
      reason: 'no-platform',
      attempt: 0,
      startedAt: null,
      finishedAt: null,
      sentence: 'It asks for macOS, and no runner has that. Remove os: osx, or add a runner that offers it.',
    },
  ),
];

const two = [
  job(41, 1, { python: '3.11' }, { bundle: 'python' }),
  job(41, 2, { python: '3.12' }, { bundle: 'python', startedAt: at(3580) }),
  job(41, 3, { python: 'pypy' }, { ...FAILED, allowFailure: true, bundle: 'python' }),
];
const only = [job(40, 1, {}, { ...FAILED, name: null })];
const wide = ['gcc', 'clang', 'tcc'].flatMap((compiler, c) =>
  Array.from({ length: 14 }, (_, i) =>
    job(36, c * 14 + i + 1, { compiler, version: `1.${i}` }, (c * 14 + i) % 9 === 4 ? FAILED : i === 7 ? RUNNING : {}),
  ),
);
const large = [
  job(37, 1, {}, { name: 'A log of 200,000 lines' }),
  job(37, 2, {}, { name: 'A log of a million lines' }),
];

export const builds = [
  {
    build: build(42, {
      state: 'running',
      startedAt: at(95),
      createdAt: at(97),
      finishedAt: null,
      title: 'Read replies in place, and stop copying each bulk string twice on its way to the caller',
      jobCounts: counts(grid),
    }),
    configFile: '.travis.yml',
    axes: ['compiler', 'os', 'env'],
    problems: [
      {
        file: '.travis.yml',
        line: 14,
        column: 3,
        code: 'TG0102',
        message: 'the addon «homebrew» does nothing here',
        remedy: 'Put the packages into addons.apt.packages.',
        isError: false,
      },
    ],
    jobs: grid,
  },
  {
    build: build(41, { title: 'Test on PyPy', branch: 'topic/pypy', jobCounts: counts(two), author: 'Grace Hopper' }),
    configFile: '.testgrid.yml',
    axes: ['python'],
    problems: [],
    jobs: two,
  },
  {
    build: build(40, {
      state: 'failed',
      title: 'Release 1.2.0',
      tag: 'v1.2.0',
      branch: null,
      trigger: 'tag',
      jobCounts: { failed: 1 },
      repository: 'yaml/libyaml',
      sentence: '1 of 1 jobs failed.',
      createdAt: at(90000),
    }),
    configFile: '.travis.yml',
    axes: [],
    problems: [],
    jobs: only,
  },
  {
    build: build(39, {
      state: 'errored',
      reason: 'config',
      sentence: '.testgrid.yml cannot be read: 2 problems.',
      title: 'Add a matrix',
      createdAt: at(200000),
      startedAt: null,
      finishedAt: at(199990),
    }),
    configFile: '.testgrid.yml',
    axes: [],
    problems: [
      {
        file: '.testgrid.yml',
        line: 2,
        column: 1,
        code: 'TG0002',
        message: "unknown key 'matirx'",
        remedy: "Did you mean 'matrix'?",
        isError: true,
      },
      {
        file: '.testgrid.yml',
        line: 7,
        column: 5,
        code: 'TG0007',
        message: 'a step must be text, and this is a list',
        remedy: null,
        isError: true,
      },
    ],
    jobs: [],
  },
  {
    build: build(38, {
      state: 'waiting',
      title: '<img src=x onerror=alert(1)>',
      startedAt: null,
      finishedAt: null,
      createdAt: at(4),
    }),
    configFile: null,
    axes: [],
    problems: [],
    jobs: [],
  },
  {
    build: build(37, {
      title: 'Logs that other dashboards do not open',
      jobCounts: counts(large),
      createdAt: at(500000),
    }),
    configFile: '.testgrid.yml',
    axes: [],
    problems: [],
    jobs: large,
  },
  {
    build: build(36, {
      state: 'running',
      title: 'A wide matrix',
      jobCounts: counts(wide),
      finishedAt: null,
      createdAt: at(600000),
    }),
    configFile: '.testgrid.yml',
    axes: ['compiler', 'version'],
    problems: [],
    jobs: wide,
  },
];

export function jobDetail(id) {
  for (const detail of builds) {
    const found = detail.jobs.find((one) => one.id === id);
    if (!found) continue;
    const attempts = Array.from({ length: found.attempt }, (_, i) => ({
      attempt: i + 1,
      state: i + 1 === found.attempt ? found.state : 'errored',
      reason: i + 1 === found.attempt ? found.reason : 'runner-lost',
      sentence: i + 1 === found.attempt ? found.sentence : 'Its runner was not heard from for 60 seconds.',
      runner: 'builtin-1',
      startedAt: at(3590),
      finishedAt: at(3400),
      logBytes: 5000,
    }));
    return { job: found, build: detail.build, phases: phasesOf(found), attempts, logBytes: 5000 };
  }
  return null;
}

function phasesOf(found) {
  if (found.attempt === 0) return [];
  const phase = (name, seconds, exitCode = 0) => ({
    phase: name,
    exitCode,
    seconds,
    logOffset: Math.max(0, smallLog(found.state).indexOf(`travis_fold:start:${name}`)),
  });
  const phases = [phase('before_install', 4.21), phase('install', 31.4)];
  if (found.state !== 'running') phases.push(phase('script', 65.02, found.exitCode ?? 0));
  return phases;
}

export function log(id) {
  if (id === '37.1') return bigLog(200_000);
  if (id === '37.2') return bigLog(1_000_000);
  return smallLog(jobDetail(id)?.job.state ?? 'passed');
}

function smallLog(state) {
  const wipe = '\r\x1b[0K';
  const seconds = (value) => `start=1000000000,finish=${1e9 + value * 1e9},duration=${Math.round(value * 1e9)},event=x`;
  const command = (name, text, output, took) =>
    `travis_time:start:${name}${wipe}$ ${text}\r\n${output}travis_time:end:${name}:${seconds(took)}${wipe}`;
  const fold = (name, body) => `travis_fold:start:${name}${wipe}${body}travis_fold:end:${name}${wipe}`;
  const packages = Array.from({ length: 40 }, (_, i) => `Unpacking libthing${i}-dev (1.${i}.0-2) ...\r\n`).join('');
  const bar = Array.from({ length: 30 }, (_, i) => `\rReceiving objects: ${i * 3}% (${i}/30)`).join('');
  const compile = Array.from(
    { length: 60 },
    (_, i) =>
      `\x1b[32m[${String(i).padStart(3)}%]\x1b[0m Building C object \x1b[1mCMakeFiles/hiredis.dir/part${i}.c.o\x1b[0m\r\n`,
  ).join('');
  const failed = state === 'failed';
  return [
    'Job 42.2 on builtin-1, bundle c sha256:9f2c4be1d07a\r\n',
    fold(
      'git.checkout',
      command('a1', 'git checkout 8f60b65', `Cloning …${bar}\rReceiving objects: 100% (30/30), done.\r\n`, 1.2),
    ),
    fold('before_install', command('a2', 'sudo apt-get update -qq', '', 4.2)),
    fold('install', command('a3', 'sudo apt-get install -y valgrind libssl-dev', packages, 31.4)),
    command('a4', 'cmake -B build && cmake --build build', compile, 12.3),
    '\x1b[32;1mThe command "cmake -B build && cmake --build build" exited with 0.\x1b[0m\r\n',
    '::group::Unit tests\r\nok 1 - connects\r\nok 2 - reads a bulk string\r\nok 3 – Prüfung mit Umlaut, 日本語 and emoji 🦊\r\n::endgroup::\r\n',
    '\x1b[38;5;18mpalette 18\x1b[0m \x1b[38;5;208mpalette 208\x1b[0m \x1b[38;2;255;255;120mtrue colour\x1b[0m \x1b[41;97m on red \x1b[0m \x1b[7minverse\x1b[0m \x1b[2mdim\x1b[0m \x1b[3;4mitalic underlined\x1b[0m\r\n',
    Array.from({ length: 8 }, (_, i) => `\x1b[3${i}mcolour ${i}\x1b[0m \x1b[9${i}mbright ${i}\x1b[0m`).join(' '),
    '\r\n<script>alert("text")</script>\r\n',
    command(
      'a5',
      'make check',
      failed
        ? 'not ok 17 - \x1b[31mreply is nil after reconnect\x1b[0m\r\n  at test.c:412\r\nmake: *** [Makefile:210: check] Error 2\r\n'
        : 'all 132 tests passed\r\n',
      65,
    ),
    failed
      ? '\x1b[31;1mThe command "make check" exited with 2.\x1b[0m\r\n'
      : '\x1b[32;1mThe command "make check" exited with 0.\x1b[0m\r\n',
    `\r\nDone. Your build exited with ${failed ? 1 : 0}.\r\n`,
  ].join('');
}

const bigLogs = new Map();

function bigLog(lines) {
  let made = bigLogs.get(lines);
  if (!made) {
    const parts = [];
    for (let i = 0; i < lines; i++) {
      if (i % 5000 === 100) parts.push(`::group::Part ${i}\n`);
      else if (i % 5000 === 900) parts.push('::endgroup::\n');
      else if (i % 20 === 0)
        parts.push(`\x1b[3${i % 8}m${i}\x1b[0m \x1b[38;5;${i % 256}mcoloured\x1b[0m über ${'long '.repeat(40)}\n`);
      else
        parts.push(
          `2026-11-24T05:53:07Z test_case_${i} ran in ${i % 97} ms: everything as it should be, ${i % 977 === 0 ? 'needle' : 'straw'}\n`,
        );
    }
    made = parts.join('');
    bigLogs.set(lines, made);
  }
  return made;
}

export const repositories = [
  {
    id: 1,
    host: 'github.com',
    slug: 'redis/hiredis',
    url: 'https://github.com/redis/hiredis',
    createdAt: at(900000),
    webhookUrl: 'http://127.0.0.1:8080/hooks/r/1',
    secretNames: ['COVERALLS_TOKEN', 'DEPLOY_KEY'],
    lastDelivery: null,
  },
  {
    id: 2,
    host: 'local',
    slug: 'yaml/libyaml',
    url: '/srv/git/libyaml.git',
    createdAt: at(800000),
    webhookUrl: 'http://127.0.0.1:8080/hooks/r/2',
    secretNames: [],
    lastDelivery: null,
  },
];

export const deliveries = [
  ['accepted', 'push', 'build 42 was started', 42, 97],
  ['duplicate', 'push', 'the same commit and event is build 42 already', 42, 90],
  ['ignored', 'pull_request', 'pull requests are not built yet', null, 4000],
  ['refused', 'push', 'the signature does not match the secret', null, 86000],
  ['unusable', 'push', 'the payload names no commit', null, 200000],
].map(([outcome, event, why, buildId, ago], i) => ({
  id: 10 - i,
  host: 'github',
  deliveryId: `72d3162e-cc78-11e3-81ab-4c9367dc095${i}`,
  event,
  receivedAt: at(ago),
  outcome,
  why,
  buildId,
}));
repositories[0].lastDelivery = deliveries[0];

const runner = (name, over) => ({
  name,
  embedded: false,
  state: 'connected',
  slots: 2,
  version: '0.1.0',
  os: 'Debian GNU/Linux 12 (bookworm)',
  arch: 'x64',
  engines: ['native'],
  bundles: ['base', 'c', 'python'],
  jobs: [],
  heardAt: at(5),
  ...over,
});

export const runners = [
  runner('build1', { slots: 4, jobs: ['42.2', '42.3'] }),
  runner('build2.example.org', { state: 'away', heardAt: at(420), jobs: ['42.4'] }),
  runner('embedded', { embedded: true, jobs: ['42.5'] }),
  runner('laptop', { state: 'stopped', heardAt: at(180000), version: '0.0.9', bundles: [], engines: ['docker'] }),
];

/** How the server is: well, or with its broker away. */
export const condition = (isTroubled) => ({
  troubles: isTroubled
    ? [
        {
          part: 'queue',
          title: 'The queue is away',
          detail:
            'the queue at broker.example.org:5672 is away: connection refused; trying again. Webhooks are taken, and their jobs wait.',
          remedy: 'systemctl start rabbitmq-server   # on broker.example.org; it shall listen on port 5672',
          since: new Date(Date.now() - 200_000).toISOString(),
        },
      ]
    : [],
});
