import { act, render } from '@testing-library/preact';
import axe from 'axe-core';
import { describe, expect, it } from 'vitest';
import { Troubles } from '../src/parts/condition';
import type { ConditionRecord } from '../src/types';

const well: ConditionRecord = { troubles: [] };

const away: ConditionRecord = {
  troubles: [
    {
      part: 'queue',
      title: 'The queue is away',
      detail: 'the queue at broker:5672 is away: connection refused; trying again.',
      remedy: 'systemctl start rabbitmq-server',
      since: new Date(Date.now() - 3.5 * 60_000).toISOString(),
    },
  ],
};

describe('the banner', () => {
  it('is not there while all is well, and neither are words', () => {
    for (const condition of [null, well]) {
      const { container } = render(<Troubles condition={condition} />);
      expect(container.textContent).toBe('');
    }
  });

  it('says what, since when, why, and the line that mends it', () => {
    const { container } = render(<Troubles condition={away} />);
    const alert = container.querySelector('[role="alert"]');
    expect(alert?.textContent).toContain('The queue is away');
    expect(alert?.textContent).toContain('connection refused');
    expect(alert?.querySelector('code')?.textContent).toBe('systemctl start rabbitmq-server');
    expect(alert?.querySelector('time')?.textContent).toBe('3 min ago');
    expect(alert?.querySelector('time')?.getAttribute('datetime')).toBe(away.troubles[0]?.since);
  });

  it('comes into an element that speaks and was there, and says when it goes', async () => {
    const { container, rerender } = render(<Troubles condition={well} />);
    const alert = container.querySelector('[role="alert"]');
    rerender(<Troubles condition={away} />);
    expect(container.querySelector('[role="alert"]')).toBe(alert);
    expect(alert?.textContent).toContain('The queue is away');
    await act(() => rerender(<Troubles condition={well} />));
    expect(alert?.textContent).toBe('');
    expect(container.querySelector('p[role="status"]')?.textContent).toBe('No longer: The queue is away');
  });

  it('does not speak again because a minute passed', () => {
    const { container } = render(<Troubles condition={away} />);
    expect(container.querySelector('time')?.closest('[aria-live]')?.getAttribute('aria-live')).toBe('off');
  });

  it('has no accessibility violation', async () => {
    const { container } = render(<Troubles condition={away} />);
    const found = await axe.run(container);
    expect(found.violations.map((one) => one.id)).toEqual([]);
  });
});
