import { type HubConnection, HubConnectionBuilder, HubConnectionState, LogLevel } from '@microsoft/signalr';
import { MessagePackHubProtocol } from '@microsoft/signalr-protocol-msgpack';
import { signal } from '@preact/signals';
import { backoff, type LogChunk } from './lib/resume';

// The only file that knows SignalR.

/** Whether what is shown is what is. Before the first stream is asked for it is idle. */
export const connection = signal<'idle' | 'live' | 'away'>('idle');

/** The hub's word for «from the newest attempt». */
export const NEWEST_ATTEMPT = 0;

/** Streams that somebody listens to: without any, a broken connection is nobody's loss. */
let listened = 0;
let hub: HubConnection | null = null;
let starting: Promise<HubConnection> | null = null;

/** One connection for the page, made when first needed and made again when it broke. */
function connected(): Promise<HubConnection> {
  if (hub?.state === HubConnectionState.Connected) return Promise.resolve(hub);
  starting ??= start().finally(() => {
    starting = null;
  });
  return starting;
}

async function start(): Promise<HubConnection> {
  const made = new HubConnectionBuilder()
    .withUrl('/live')
    .withHubProtocol(new MessagePackHubProtocol())
    .configureLogging(LogLevel.None)
    .build();
  made.onclose(() => {
    connection.value = listened > 0 ? 'away' : 'idle';
  });
  try {
    await made.start();
  } catch (error) {
    connection.value = 'away';
    throw error;
  }
  hub = made;
  connection.value = 'live';
  return made;
}

/** A server's stream as an async generator. Leaving the loop tells the server to stop. */
async function* stream(name: string, args: unknown[], stop: AbortSignal): AsyncGenerator<unknown> {
  listened++;
  try {
    yield* listen(await connected(), name, args, stop);
  } finally {
    listened--;
  }
}

async function* listen(link: HubConnection, name: string, args: unknown[], stop: AbortSignal): AsyncGenerator<unknown> {
  const waiting: unknown[] = [];
  let over: { error: unknown } | null = null;
  let wake = () => {};
  const wakeUp = () => wake();
  const subscription = link.stream(name, ...args).subscribe({
    next(item) {
      waiting.push(item);
      wake();
    },
    complete() {
      over = { error: null };
      wake();
    },
    error(error) {
      over = { error };
      wake();
    },
  });
  stop.addEventListener('abort', wakeUp);
  try {
    while (!stop.aborted) {
      if (waiting.length > 0) yield waiting.shift();
      else if (over) {
        const { error } = over as { error: unknown };
        if (error) throw error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stop.removeEventListener('abort', wakeUp);
    subscription.dispose();
  }
}

const utf8 = new TextDecoder();

/** Whole snapshots of a thing, the newest as soon as it changes, over one connection. Never a difference to merge. */
export async function* snapshots<T>(name: string, args: unknown[], stop: AbortSignal): AsyncGenerator<T> {
  for await (const item of stream(name, args, stop)) yield JSON.parse(utf8.decode(item as Uint8Array)) as T;
}

/** A job's log from an offset, and what comes after it; ends when the job is over. */
export async function* followLog(
  id: string,
  attempt: number,
  from: number,
  stop: AbortSignal,
): AsyncGenerator<LogChunk> {
  for await (const item of stream('Log', [id, attempt, from], stop)) yield readChunk(item);
}

/** A map with the server's names. An offset is 64 bits wide there, so it may come as a number or as a bigint. */
export function readChunk(item: unknown): LogChunk {
  const { Offset, Bytes } = item as { Offset: number | bigint; Bytes: Uint8Array };
  return { offset: Number(Offset), bytes: Bytes };
}

/** Stands between two attempts to reach the server; at once again when the browser is back online. */
export function waitToRetry(failures: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      stop.removeEventListener('abort', done);
      if (stop.aborted) reject(stop.reason);
      else resolve();
    };
    const timer = setTimeout(done, backoff(failures, Math.random()));
    addEventListener('online', done);
    stop.addEventListener('abort', done);
    if (stop.aborted) done();
  });
}
