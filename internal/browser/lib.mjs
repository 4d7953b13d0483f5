// Runs a script in Chromium: node lib.mjs SCRIPT ANSWER SHOTS, with the script's arguments as JSON on standard input.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [script, answer, shots] = process.argv.slice(2);
const require = createRequire(join(process.env.COINTILL_BROWSER_MODULES, 'x.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const args = JSON.parse(readFileSync(0, 'utf8'));

const browser = await chromium.launch({
  executablePath: process.env.COINTILL_CHROMIUM,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
});

function must(truth, what) {
  if (!truth) throw new Error(what);
}

function same(got, want, what) {
  const [g, w] = [JSON.stringify(got), JSON.stringify(want)];
  if (g !== w) throw new Error(`${what}: got ${g}, want ${w}`);
}

// open returns a page in a context of its own with the given options of Playwright's newContext. What the page reports as
// an error, or loads from another origin, is collected in page.faults.
async function open(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.faults = [];
  const own = new URL(args.url).origin;
  page.on('pageerror', (e) => page.faults.push(`error: ${e.message}`));
  page.on('console', (m) => {
    if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) page.faults.push(`console: ${m.text()}`);
  });
  page.on('request', (r) => {
    if (!r.url().startsWith(own) && !r.url().startsWith('data:')) page.faults.push(`loads ${r.url()}`);
  });
  return page;
}

// check fails for a violation of the rules of axe (WCAG 2.2 AA and best practices), for an error of the page, and for a
// page that is wider than the window.
async function check(page, what) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  const list = found.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`);
  same(list, [], `${what}: axe`);
  calm(page, what);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  must(wide <= 0, `${what}: the page is ${wide} pixels wider than the window`);
}

function calm(page, what) {
  same(page.faults, [], `${what}: faults`);
}

// shot keeps a picture of the whole page where the caller wants pictures.
async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

let failed;
try {
  const { default: play } = await import(pathToFileURL(script));
  writeFileSync(answer, JSON.stringify((await play({ browser, open, check, calm, shot, must, same, args })) ?? null));
} catch (e) {
  failed = e;
}
await browser.close();
if (failed) {
  console.error(failed.stack);
  process.exit(1);
}
