const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long: 0.4 s, 12 s, 3 m 07 s, 2 h 05 m, 3 d 4 h. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  if (ms < 9950) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} m ${two((ms % MINUTE) / SECOND)} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${two((ms % HOUR) / MINUTE)} m`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}

/** How long something took, or has taken until now; null before it began. */
export function took(startedAt: string | null, finishedAt: string | null, now: number): string | null {
  if (startedAt === null) return null;
  const start = Date.parse(startedAt);
  if (finishedAt !== null) return duration(Date.parse(finishedAt) - start);
  // Whole seconds while it runs: tenths that flicker tell nobody anything.
  return duration(Math.floor(Math.max(0, now - start) / SECOND) * SECOND).replace('.0 s', ' s');
}

/** How long ago, roughly: just now, 5 min ago, 3 h ago, 2 days ago, else the day. */
export function ago(at: string, now: number): string {
  const since = now - Date.parse(at);
  if (since < MINUTE) return 'just now';
  if (since < HOUR) return `${Math.floor(since / MINUTE)} min ago`;
  if (since < DAY) return `${Math.floor(since / HOUR)} h ago`;
  const days = Math.floor(since / DAY);
  if (days < 14) return days === 1 ? 'yesterday' : `${days} days ago`;
  return at.slice(0, 10);
}

/** In full, for a tooltip: 2026-11-24 05:53:07 UTC. */
export function exactly(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}
