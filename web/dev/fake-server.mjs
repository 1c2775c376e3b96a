// Serves the built dashboard with a made-up world behind it, on loopback: `npm run fake`. It speaks as much of the
// server's REST and SignalR (MessagePack) as the dashboard listens to, under the same content security policy.
// POST /fake/drop breaks every live connection, to see the page come back; POST /fake/trouble takes the queue away, and
// again gives it back.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '@msgpack/msgpack';
import ws from 'ws';
import { builds, condition, deliveries, jobDetail, log, repositories, runners, session } from './made-up.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../src/TestGrid.Server/wwwroot');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'";
const empty = process.argv.includes('--empty');

const list = (repository) => ({
  builds: empty ? [] : builds.map((one) => one.build).filter((one) => !repository || one.repository === repository),
  before: null,
});

let isTroubled = false;
const conditions = new Set();

const routes = [
  [/^GET \/api\/v1\/session$/, () => ({ ...session, signedIn: !process.argv.includes('--read-only') })],
  [/^GET \/api\/v1\/builds$/, (_, query) => list(query.get('repository'))],
  [/^GET \/api\/v1\/builds\/(\d+)$/, ([id]) => builds.find((one) => one.build.id === Number(id))],
  [/^GET \/api\/v1\/jobs\/([\d.]+)$/, ([id]) => jobDetail(id)],
  [/^GET \/api\/v1\/condition$/, () => condition(isTroubled)],
  [/^GET \/api\/v1\/runners$/, () => (empty ? [] : runners)],
  [/^GET \/api\/v1\/repositories$/, () => (empty ? [] : repositories)],
  [/^POST \/api\/v1\/repositories$/, () => ({ repository: repositories[0], secret: 'dGhpcyBpcyBtYWRlIHVw' })],
  [/^GET \/api\/v1\/repositories\/(\d+)$/, ([id]) => repositories.find((one) => one.id === Number(id))],
  [/^POST \/api\/v1\/repositories\/\d+\/secret$/, () => ({ secret: 'bmV3IHNlY3JldA' })],
  [/^GET \/api\/v1\/repositories\/\d+\/deliveries$/, () => deliveries],
  [/^POST \/api\/v1\/repositories\/\d+\/deliveries\/test$/, () => deliveries[0]],
  [/^(POST|PUT|DELETE) \/api\/v1\//, () => ({ id: 42 })],
];

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  const asked = `${request.method} ${url.pathname}`;
  if (asked === 'POST /fake/drop') {
    for (const socket of sockets.clients) socket.terminate();
    response.end();
    return;
  }
  if (asked === 'POST /fake/trouble') {
    isTroubled = !isTroubled;
    for (const tell of conditions) tell();
    response.end();
    return;
  }
  if (asked.startsWith('POST /live/negotiate')) {
    json(response, 200, {
      negotiateVersion: 1,
      connectionId: 'c',
      connectionToken: 't',
      availableTransports: [{ transport: 'WebSockets', transferFormats: ['Text', 'Binary'] }],
    });
    return;
  }
  const raw = /^GET \/api\/v1\/jobs\/([\d.]+)\/log$/.exec(asked);
  if (raw) {
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
    response.end(Buffer.from(log(raw[1])).subarray(Number(url.searchParams.get('from') ?? 0)));
    return;
  }
  for (const [pattern, answer] of routes) {
    const found = pattern.exec(asked);
    if (!found) continue;
    const body = answer(found.slice(1), url.searchParams);
    if (body) json(response, 200, body);
    else json(response, 404, { title: 'There is no such thing', status: 404 });
    return;
  }
  file(response, url.pathname);
});

function json(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}

function file(response, path) {
  const wanted = join(root, normalize(path));
  const found =
    extname(wanted) !== '' && wanted.startsWith(root) && existsSync(wanted) ? wanted : join(root, 'index.html');
  response.writeHead(200, { 'Content-Type': TYPES[extname(found)] ?? 'text/plain', 'Content-Security-Policy': CSP });
  createReadStream(found).pipe(response);
}

const sockets = new ws.Server({ server, path: '/live' });
sockets.on('connection', (socket) => {
  const streams = new Map();
  socket.on('message', (data) => {
    if (typeof data === 'string') return socket.send('{}\x1e'); // the handshake
    for (const message of frames(data)) {
      if (message[0] === 4) streams.set(message[2], start(socket, message[2], message[3], message[4]));
      if (message[0] === 5) streams.get(message[2])?.();
    }
  });
  socket.on('close', () => {
    for (const stop of streams.values()) stop();
  });
});

/** Begins a stream; what it returns ends it. */
function start(socket, id, target, args) {
  const item = (value) => send(socket, [2, {}, id, value]);
  const snapshot = (value) => item(new TextEncoder().encode(JSON.stringify(value)));
  const end = () => send(socket, [3, {}, id, 2]);
  if (target === 'Builds') snapshot(list(args[0]));
  else if (target === 'Build') snapshot(builds.find((one) => one.build.id === Number(args[0])));
  else if (target === 'Job') snapshot(jobDetail(args[0]));
  else if (target === 'Runners') snapshot({ runners: empty ? [] : runners });
  else if (target === 'Condition') {
    const tell = () => snapshot(condition(isTroubled));
    tell();
    conditions.add(tell);
    return () => conditions.delete(tell);
  } else if (target === 'Log') return startLog(args, item, end);
  return () => {};
}

/** A running job's log: all of the small one, and then a line now and then. */
function startLog([job, , from], item, end) {
  const text = Buffer.from(log(job));
  const isRunning = jobDetail(job)?.job.state === 'running';
  const all = isRunning ? Buffer.concat([text.subarray(0, -60), ...live]) : text;
  item({ Offset: Number(from), Bytes: all.subarray(Number(from)) });
  if (!isRunning) {
    end();
    return () => {};
  }
  let sent = all.length;
  const timer = setInterval(() => {
    const now = Buffer.concat([text.subarray(0, -60), ...live]);
    if (now.length > sent) item({ Offset: sent, Bytes: now.subarray(sent) });
    sent = now.length;
  }, 100);
  return () => clearInterval(timer);
}

const live = [];
setInterval(() => live.push(Buffer.from(`line ${live.length} at ${new Date().toISOString()}\r\n`)), 200);

function* frames(data) {
  for (let at = 0; at < data.length; ) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = data[at++];
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    yield decode(data.subarray(at, at + length));
    at += length;
  }
}

function send(socket, message) {
  const body = encode(message);
  const prefix = [];
  for (let length = body.length; ; length >>= 7) {
    prefix.push(length > 0x7f ? (length & 0x7f) | 0x80 : length);
    if (length <= 0x7f) break;
  }
  socket.send(Buffer.concat([Buffer.from(prefix), body]));
}

const port = Number(process.env.PORT ?? 8099);
server.listen(port, '127.0.0.1', () =>
  console.log(`the made-up dashboard is on http://127.0.0.1:${server.address().port}`),
);
