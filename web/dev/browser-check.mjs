// `npm run browser`: the built dashboard in a real browser, on a made-up world, under the server's security policy.
// Each page in both themes without an accessibility violation or a word on the console, the log's manners, and the
// budgets. Needs Debian's chromium, or one that CHROMIUM names.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PAGES = [
  '/',
  '/builds/36',
  '/builds/39',
  '/builds/40',
  '/builds/41',
  '/builds/42',
  '/jobs/37.1',
  '/jobs/42.2',
  '/jobs/42.3',
  '/jobs/42.5',
  '/repositories',
  '/repositories/1',
  '/runners',
  '/nowhere',
];

let passed = 0;
let failed = 0;

function check(what, holds, seen = '') {
  if (holds) passed++;
  else failed++;
  console.log(`${holds ? 'passed' : 'FAILED'}  ${what}${seen === '' ? '' : `: ${seen}`}`);
}

const fake = spawn(process.execPath, [join(here, 'fake-server.mjs')], { env: { ...process.env, PORT: '0' } });
const base = await new Promise((resolve, reject) => {
  fake.stdout.on('data', (data) => resolve(/http:\S+/.exec(String(data))[0]));
  fake.on('exit', reject);
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
try {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) await checkPages({ colorScheme, viewport: { width, height: 800 } });
  }
  await fetch(`${base}/fake/trouble`, { method: 'POST' });
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390])
      await checkPages({ colorScheme, viewport: { width, height: 800 } }, ['/', '/jobs/42.3']);
  }
  await checkTrouble();
  await checkLog();
  await checkBudgets();
} finally {
  await browser.close();
  fake.kill();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function checkPages(look, paths = PAGES) {
  const context = await browser.newContext(look);
  const page = await context.newPage();
  const said = [];
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  const devtools = await context.newCDPSession(page);
  for (const path of paths) {
    await page.goto(base + path);
    await page.waitForFunction(() => !document.body.textContent.includes('Loading …'));
    await page.waitForTimeout(300);
    await devtools.send('Runtime.evaluate', { expression: axe }); // the policy lets no page load it
    const { result } = await devtools.send('Runtime.evaluate', {
      expression: `axe.run(document, { runOnly: ${JSON.stringify(RULES)} }).then((run) =>
        run.violations.map((one) => one.id + ' ' + one.nodes[0].target).join('; '))`,
      awaitPromise: true,
      returnByValue: true,
    });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    const name = `${path} ${look.colorScheme} ${look.viewport.width}`;
    check(
      name,
      result.value === '' && !wide,
      [result.value, wide ? 'wider than its window' : ''].filter(Boolean).join(),
    );
    check(`${name} says nothing on the console`, said.length === 0, said.splice(0).join('; '));
  }
  await context.close();
}

/** The banner stands on every page while the server is in trouble, and goes with it. */
async function checkTrouble() {
  const page = await browser.newPage();
  for (const path of PAGES) {
    await page.goto(base + path);
    const shown = await page.waitForSelector('.banner').then((banner) => banner.textContent());
    check(`${path} says what is wrong`, /The queue is away.*systemctl start/.test(shown), shown);
  }
  await fetch(`${base}/fake/trouble`, { method: 'POST' });
  await page.waitForSelector('.banner', { state: 'detached' });
  check('and no longer when it is well', (await page.textContent('body')).includes('No longer: The queue is away'));
  await page.close();
}

async function checkLog() {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  const rows = () => page.$$eval('.row', (all) => all.map((row) => `${row.dataset.n} ${row.textContent}`));
  const numbers = async () =>
    (await rows()).map((row) => Number(/ line (\d+) at/.exec(row)?.[1] ?? -1)).filter((n) => n >= 0);

  await page.goto(`${base}/jobs/42.3`);
  await page.waitForFunction(() => document.querySelectorAll('.row').length > 20);
  check('a running log is followed', (await page.$('.pill')) === null);
  await page.mouse.move(600, 500);
  await page.mouse.wheel(0, -300);
  await page.waitForFunction(() => /[1-9]\d* new line/.test(document.querySelector('.pill')?.textContent ?? ''));
  const before = await rows();
  await page.waitForTimeout(600);
  check('one step up stops it, and the page stands still', before.join() === (await rows()).join());
  await page.mouse.wheel(0, 5000);
  await page.waitForFunction(() => document.querySelector('.pill') === null);
  check('reaching the end starts it', true);

  await fetch(`${base}/fake/drop`, { method: 'POST' });
  await page.waitForTimeout(2500);
  const shown = await numbers();
  check(
    'a log goes on after a break without a gap or a repeat',
    shown.length > 5 && shown.every((n, i) => i === 0 || n === shown[i - 1] + 1),
    shown.join(' '),
  );

  await page.goto(`${base}/jobs/42.2#L20-L22`);
  await page.waitForSelector('.row.picked');
  check('a link opens the fold above its lines', (await page.$$('.row.picked')).length === 3);
  await page.keyboard.press('y');
  await page.waitForFunction(() => document.querySelector('.said').textContent !== '');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  check('lines are copied without their numbers', /^Unpacking.*\nUnpacking.*\nUnpacking.*$/.test(copied), copied);

  await page.keyboard.press('Control+f');
  check('the first Ctrl+F is ours', await page.evaluate(() => document.activeElement.type === 'search'));
  const prevented = await page.evaluate(() => {
    const event = new KeyboardEvent('keydown', { key: 'f', ctrlKey: true, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
    return event.defaultPrevented;
  });
  check("the second Ctrl+F is the browser's", !prevented);
  await context.close();
}

async function checkBudgets() {
  const files = await (await fetch(base)).text();
  const scripts = [...files.matchAll(/\/assets\/[\w-]+\.js/g)].map((found) => found[0]);
  let size = 0;
  for (const script of scripts) size += gzipSync(await (await fetch(base + script)).text()).length;
  check('all script, gzipped, is at most 60 kB', size <= 60_000, `${(size / 1000).toFixed(1)} kB`);

  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(base);
  await fetch(`${base}/api/v1/jobs/37.1/log`).then((log) => log.arrayBuffer()); // made up before it is timed
  const open = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const started = performance.now();
        let longest = 0;
        new PerformanceObserver((seen) => {
          for (const { duration } of seen.getEntries()) longest = Math.max(longest, duration);
        }).observe({ entryTypes: ['longtask'] });
        history.pushState(null, '', '/jobs/37.1');
        dispatchEvent(new PopStateEvent('popstate'));
        const look = () =>
          document.querySelector('.log-count')?.textContent === '200,000 lines'
            ? resolve({ took: performance.now() - started, longest })
            : requestAnimationFrame(look);
        look();
      }),
  );
  check('200,000 lines are there within 2.5 s', open.took <= 2500, `${Math.round(open.took)} ms`);
  check('and block the page for at most 200 ms', open.longest <= 200, `${Math.round(open.longest)} ms`);

  const found = page.waitForFunction(() => /^\d+ of 194$/.test(document.querySelector('.search-count').textContent));
  const started = performance.now();
  await page.fill('.search input', 'needle');
  await found;
  check(
    'are searched within 500 ms',
    performance.now() - started <= 500,
    `${Math.round(performance.now() - started)} ms`,
  );

  const scroll = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const log = document.querySelector('.log');
        const frames = [];
        let last = performance.now();
        log.scrollTop = 0;
        const step = () => {
          frames.push(performance.now() - last);
          last = performance.now();
          log.scrollTop += 400;
          if (frames.length < 200) requestAnimationFrame(step);
          else resolve({ p95: frames.sort((a, b) => a - b)[190], nodes: document.querySelectorAll('*').length });
        };
        requestAnimationFrame(step);
      }),
  );
  check('scroll at 50 ms a frame or less (p95)', scroll.p95 <= 50, `${scroll.p95.toFixed(1)} ms`);
  check('with at most 2500 nodes', scroll.nodes <= 2500, `${scroll.nodes}`);
}
