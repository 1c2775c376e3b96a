/** Lines as people count them, from 1; both ends belong to it. */
export interface LineRange {
  from: number;
  to: number;
}

/** `#L120` or `#L120-L140`. */
export function readLineLink(hash: string): LineRange | null {
  const read = /^#L(\d{1,10})(?:-L?(\d{1,10}))?$/.exec(hash);
  if (!read) return null;
  const [one, other] = [Number(read[1]), Number(read[2] ?? read[1])];
  return one < 1 || other < 1 ? null : { from: Math.min(one, other), to: Math.max(one, other) };
}

export function lineLink({ from, to }: LineRange): string {
  return from === to ? `#L${from}` : `#L${from}-L${to}`;
}
