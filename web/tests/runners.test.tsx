import { render } from '@testing-library/preact';
import { describe, expect, it } from 'vitest';
import { addCommands, addTrouble, busyInWords, inOrder, RUNNER_SHAPES } from '../src/lib/runners';
import { Runners } from '../src/pages/runners';
import { AddRunner } from '../src/parts/add-runner';
import type { RunnerRecord } from '../src/types';

function runner(name: string, over: Partial<RunnerRecord> = {}): RunnerRecord {
  return {
    name,
    embedded: false,
    state: 'connected',
    slots: 2,
    version: '1',
    os: 'Debian',
    arch: 'x64',
    engines: ['native'],
    bundles: ['base', 'c'],
    jobs: [],
    heardAt: new Date().toISOString(),
    ...over,
  };
}

const rows = (...runners: RunnerRecord[]) => [
  ...render(<Runners list={{ runners }} serverVersion="1" />).container.querySelectorAll('.runner-row'),
];

describe('the runners', () => {
  it('tell what each offers and runs, and link to the jobs', () => {
    const [row] = rows(runner('b1', { jobs: ['42.2', '42.3'] }));
    expect(row?.textContent).toContain('connected');
    expect(row?.textContent).toContain('2 of 2 slots busy');
    expect(row?.textContent).toContain('base, c');
    expect([...(row?.querySelectorAll('a') ?? [])].map((link) => link.getAttribute('href'))).toEqual([
      '/jobs/42.2',
      '/jobs/42.3',
    ]);
  });

  it('say since when one is away, in a time that a machine can read', () => {
    const heardAt = new Date(Date.now() - 7.5 * 60_000).toISOString();
    const [row] = rows(runner('b1', { state: 'away', heardAt }));
    expect(row?.textContent).toContain('away');
    expect(row?.textContent).toContain('last heard 7 min ago');
    expect(row?.querySelector('time')?.getAttribute('datetime')).toBe(heardAt);
  });

  it('put what takes jobs first, and have a shape for each state', () => {
    const all = [runner('c', { state: 'stopped' }), runner('b', { state: 'away' }), runner('z'), runner('a')];
    expect(inOrder(all).map((one) => one.name)).toEqual(['a', 'z', 'b', 'c']);
    expect(new Set(Object.values(RUNNER_SHAPES)).size).toBe(3);
  });

  it('count the slots of those that are here', () => {
    expect(busyInWords([runner('a', { jobs: ['1.1'] }), runner('b', { state: 'away', jobs: ['1.2'] })])).toBe(
      '1 of 2 slots busy',
    );
  });

  it('of another version than the server say what to do', () => {
    expect(rows(runner('a', { version: '0.9' }))[0]?.textContent).toContain('update the older');
    expect(rows(runner('a'))[0]?.textContent).not.toContain('update the older');
  });
});

describe('adding a runner', () => {
  it('is two commands with the address of this server', () => {
    const { container } = render(<AddRunner serverUrl="https://ci.example.org" />);
    const shown = [...container.querySelectorAll('code')].map((code) => code.textContent);
    expect(shown).toEqual(addCommands('https://ci.example.org'));
    expect(shown[1]).toContain('--server https://ci.example.org --token-file farm.token');
    expect(container.textContent).not.toContain('is plain http');
  });

  it('warns where the runner would refuse the address', () => {
    expect(addTrouble('http://10.0.0.7:8080')).toContain('put https before the server');
    expect(addTrouble('http://127.0.0.1:8080')).toContain('--public-url');
    expect(addTrouble('http://localhost:8080')).toContain('--public-url');
    expect(addTrouble('https://10.0.0.7')).toBeNull();
    expect(render(<AddRunner serverUrl="http://10.0.0.7" />).container.textContent).toContain('--allow-insecure');
  });
});
