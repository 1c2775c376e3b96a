import { jobPath } from '../lib/links';
import { RUNNER_SHAPES } from '../lib/runners';
import type { RunnerRecord } from '../types';
import { StateShape } from './state';
import { Ago } from './time';

/** One runner: whether it is here, what it is and offers, what it runs. */
export function RunnerRow({ runner, serverVersion }: { runner: RunnerRecord; serverVersion: string | null }) {
  const shape = RUNNER_SHAPES[runner.state];
  return (
    <li class={`runner-row is-${shape}`}>
      <p class={`badge is-${shape}`}>
        <StateShape state={shape} />
        <span>{runner.state}</span>
      </p>
      <div class="runner-what">
        <h2>
          {runner.name} {runner.embedded && <span class="muted">in the server's own process</span>}
        </h2>
        <dl class="runner-facts">
          <Fact name="Engine" values={runner.engines} />
          <Fact name="Bundles" values={runner.bundles} otherwise="none yet: its first jobs build theirs" />
          <Fact name="Machine" values={[runner.os, runner.arch]} />
          <Fact name="Version" values={[runner.version]} />
        </dl>
        <OtherVersion runner={runner} serverVersion={serverVersion} />
      </div>
      <div class="runner-jobs">
        <p>
          {runner.jobs.length} of {runner.slots} {runner.slots === 1 ? 'slot' : 'slots'} busy
        </p>
        {runner.jobs.length > 0 && (
          <ul aria-label={`Jobs that ${runner.name} runs`}>
            {runner.jobs.map((job) => (
              <li key={job}>
                <a href={jobPath(job)}>job {job}</a>
              </li>
            ))}
          </ul>
        )}
      </div>
      <p class="runner-heard">
        <Heard runner={runner} />
      </p>
    </li>
  );
}

function Heard({ runner }: { runner: RunnerRecord }) {
  if (runner.embedded) return <span>here as long as the server</span>;
  if (runner.state === 'connected')
    return (
      <span>
        heard <Ago at={runner.heardAt} />
      </span>
    );
  return (
    <span>
      {runner.state === 'away' ? 'last heard' : 'said goodbye'} <Ago at={runner.heardAt} />
    </span>
  );
}

function Fact({ name, values, otherwise }: { name: string; values: string[]; otherwise?: string }) {
  const known = values.filter((value) => value !== '');
  if (known.length === 0 && otherwise === undefined) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{known.length > 0 ? known.join(', ') : otherwise}</dd>
    </div>
  );
}

function OtherVersion({ runner, serverVersion }: { runner: RunnerRecord; serverVersion: string | null }) {
  if (serverVersion === null || runner.version === '' || runner.version === serverVersion) return null;
  return (
    <p class="sentence">
      The server is version {serverVersion}: update the older of the two, their protocol is of one version only.
    </p>
  );
}
