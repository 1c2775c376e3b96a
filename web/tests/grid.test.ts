import { describe, expect, it } from 'vitest';
import { layOut, neighbour } from '../src/lib/grid';
import { job } from './some';

const cells = (layout: ReturnType<typeof layOut>) =>
  layout.rows.map((row) => [row.value, ...row.slots.map((jobs) => jobs.map((one) => one.cell).join('+'))]);

describe('a grid', () => {
  it('of one axis is one column', () => {
    const layout = layOut(['python'], [job(1, { python: '3.11' }), job(2, { python: '3.12' })]);
    expect(cells(layout)).toEqual([
      ['3.11', '1'],
      ['3.12', '2'],
    ]);
    expect(layout.headers).toEqual([]);
  });

  it('of two axes has the first down and the second across', () => {
    const layout = layOut(
      ['cc', 'os'],
      [
        job(1, { cc: 'gcc', os: 'a' }),
        job(2, { cc: 'gcc', os: 'b' }),
        job(3, { cc: 'clang', os: 'a' }),
        job(4, { cc: 'clang', os: 'b' }),
      ],
    );
    expect(cells(layout)).toEqual([
      ['gcc', '1', '2'],
      ['clang', '3', '4'],
    ]);
    expect(layout.headers).toEqual([
      [
        { value: 'a', span: 1 },
        { value: 'b', span: 1 },
      ],
    ]);
  });

  it('of three axes joins equal headers', () => {
    const jobs = ['x', 'y'].flatMap((row, r) =>
      ['a', 'b'].flatMap((os, o) => ['0', '1'].map((env, e) => job(r * 4 + o * 2 + e + 1, { cc: row, os, env }))),
    );
    const layout = layOut(['cc', 'os', 'env'], jobs);
    expect(layout.headers[0]).toEqual([
      { value: 'a', span: 2 },
      { value: 'b', span: 2 },
    ]);
    expect(layout.headers[1]?.map((cell) => cell.value)).toEqual(['0', '1', '0', '1']);
    expect(cells(layout)[1]).toEqual(['y', '5', '6', '7', '8']);
  });

  it('joins headers though a cell in between was excluded and its column came late', () => {
    const layout = layOut(
      ['cc', 'os', 'env'],
      [
        job(1, { cc: 'x', os: 'a', env: '0' }),
        job(2, { cc: 'x', os: 'b', env: '0' }),
        job(3, { cc: 'y', os: 'a', env: '1' }),
        job(4, { cc: 'y', os: 'b', env: '0' }),
      ],
    );
    expect(layout.headers[0]).toEqual([
      { value: 'a', span: 2 },
      { value: 'b', span: 1 },
    ]);
  });

  it('leaves excluded cells empty', () => {
    const layout = layOut(
      ['cc', 'os'],
      [job(1, { cc: 'gcc', os: 'a' }), job(2, { cc: 'gcc', os: 'b' }), job(3, { cc: 'clang', os: 'a' })],
    );
    expect(cells(layout)).toEqual([
      ['gcc', '1', '2'],
      ['clang', '3', ''],
    ]);
  });

  it('lists jobs that lack an axis or have one of their own', () => {
    const layout = layOut(
      ['cc', 'os'],
      [
        job(1, { cc: 'gcc', os: 'a' }),
        job(2, { cc: 'clang', os: 'a' }),
        job(3, { cc: 'gcc' }),
        job(4, { cc: 'gcc', os: 'a', valgrind: '1' }),
        job(5, {}),
      ],
    );
    expect(layout.extra.map((one) => one.cell)).toEqual([3, 4, 5]);
    expect(cells(layout)).toHaveLength(2);
  });

  it('lists a job whose value nobody shares, which would be a column of its own', () => {
    const full = ['x', 'y', 'z'].flatMap((cc, r) => ['a', 'b'].map((os, o) => job(r * 2 + o + 1, { cc, os })));
    const layout = layOut(['cc', 'os'], [...full, job(7, { cc: 'x', os: 'macos' })]);
    expect(layout.extra.map((one) => one.cell)).toEqual([7]);
    expect(layout.columns).toEqual([['a'], ['b']]);
  });

  it('keeps what exclusions have left standing alone in its column', () => {
    const jobs = [
      job(1, { cc: 'x', os: 'a', env: '0' }),
      job(2, { cc: 'y', os: 'a', env: '0' }),
      job(3, { cc: 'z', os: 'a', env: '0' }),
      job(4, { cc: 'x', os: 'b', env: '0' }),
      job(5, { cc: 'y', os: 'a', env: '1' }),
      job(6, { cc: 'z', os: 'a', env: '1' }),
      job(7, { cc: 'z', os: 'b', env: '1' }),
    ];
    expect(layOut(['cc', 'os', 'env'], jobs).extra).toEqual([]);
  });

  it('puts two jobs of the same cell into it', () => {
    expect(cells(layOut(['a'], [job(1, { a: '1' }), job(2, { a: '1' })]))).toEqual([['1', '1+2']]);
  });

  it('without axes is a list', () => {
    const layout = layOut([], [job(1, {}), job(2, {})]);
    expect(layout.rows).toEqual([]);
    expect(layout.extra).toHaveLength(2);
  });

  it('takes values as they are, whatever is in them', () => {
    const layout = layOut(['a', 'b'], [job(1, { a: '","', b: '__proto__' }), job(2, { a: '', b: 'constructor' })]);
    expect(cells(layout)).toEqual([
      ['","', '1', ''],
      ['', '', '2'],
    ]);
  });
});

describe('a step', () => {
  const layout = layOut(
    ['cc', 'os'],
    [
      job(1, { cc: 'x', os: 'a' }),
      job(2, { cc: 'x', os: 'c' }),
      job(3, { cc: 'y', os: 'b' }),
      job(6, { cc: 'y', os: 'c' }),
      job(4, { cc: 'z', os: 'a' }),
      job(5, { cc: 'z', os: 'b' }),
    ],
  );

  it('goes over empty cells and stops at the edge', () => {
    // columns a, c, b: x has a and c, y has c and b, z has a and b
    expect(neighbour(layout, 0, 0, 0, 1)).toEqual([0, 1]);
    expect(neighbour(layout, 0, 0, 1, 0)).toEqual([2, 0]);
    expect(neighbour(layout, 0, 0, -1, 0)).toBeNull();
    expect(neighbour(layout, 2, 0, 0, 1)).toEqual([2, 2]);
    expect(neighbour(layout, 2, 2, 0, 1)).toBeNull();
  });
});
