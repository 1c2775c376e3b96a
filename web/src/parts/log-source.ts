import { fetchLog, Refusal } from '../api';
import { resume } from '../lib/resume';
import { followLog, NEWEST_ATTEMPT, waitToRetry } from '../live';

/** Which log. */
export interface LogOf {
  job: string;
  attempt: number;
  isNewest: boolean;
}

export interface Reading {
  take: (bytes: Uint8Array) => void;
  /** Told when a connection broke, and with null when it is whole again. */
  trouble: (words: string | null) => void;
  /** It is all there. */
  done: () => void;
}

/**
 * Reads one attempt's log to its end. One that is over comes by plain HTTP, which browsers and proxies compress and
 * keep; one that runs is followed. Either way it goes on at its byte after a break.
 */
export async function readLog(of: LogOf, isOver: () => boolean, reading: Reading, stop: AbortSignal): Promise<void> {
  const open = (from: number) =>
    isOver() || !of.isNewest
      ? fetchLog(of.job, of.attempt, from, stop)
      : followLog(of.job, of.attempt || NEWEST_ATTEMPT, from, stop);

  const wait = async (failures: number, error: unknown) => {
    if (stop.aborted) throw stop.reason;
    // What the server refuses for good does not get better by asking.
    if (error instanceof Refusal && error.status >= 400 && error.status < 500) throw error;
    if (failures > 1) reading.trouble('The log broke off. It goes on where it stopped as soon as the server answers.');
    await waitToRetry(failures, stop);
  };

  try {
    for await (const chunk of resume(open, wait)) {
      if (stop.aborted) return;
      reading.take(chunk.bytes);
      reading.trouble(null);
    }
    if (!stop.aborted) reading.done();
  } catch (error) {
    if (stop.aborted) return;
    if (error instanceof Refusal && error.status === 404) reading.done();
    reading.trouble(error instanceof Refusal ? error.message : String(error));
  }
}
