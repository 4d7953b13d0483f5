// Looks at every page at three widths, in light and dark. Each is loaded once: all rules are checked as it is then, and after
// each change of the window those that depend on it.
export default async ({ open, check, calm, shot, must, same, args }) => {
  const page = await open({ viewport: { width: 320, height: 900 }, colorScheme: 'light', reducedMotion: 'reduce' });
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
  });
  for (const path of args.paths) {
    await page.setViewportSize({ width: 320, height: 900 });
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
    await page.goto(`${args.url}/office${path}`);
    await check(page, `${path} at 320, light`);
    for (const [width, colorScheme] of [[320, 'dark'], [768, 'dark'], [768, 'light'], [1440, 'light'], [1440, 'dark']]) {
      const what = `${path} at ${width}, ${colorScheme}`;
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate(() => globalThis.axe.run(document, {
        runOnly: { type: 'rule', values: ['color-contrast', 'target-size', 'link-in-text-block', 'scrollable-region-focusable'] }, resultTypes: ['violations'],
      }));
      same(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join('; ')}`), [], what);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      must(wide <= 0, `${what}: the page is ${wide} pixels wider than the window`);
      if (what.endsWith('320, dark') || what.endsWith('1440, light')) {
        await shot(page, `desk-${path.replace(/[^a-z]+/gi, '-').slice(0, 50)}-${width}-${colorScheme}`);
      }
    }
    calm(page, path);
  }
  const forced = await open({ viewport: { width: 1024, height: 800 }, forcedColors: 'active' });
  await forced.goto(`${args.url}/office/`);
  calm(forced, 'forced colours');
  await shot(forced, 'desk-forced');
  must(await forced.locator('h1').isVisible(), 'forced colours show the page');
};
