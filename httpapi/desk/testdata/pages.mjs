// Looks at every page at three widths, in light and dark.
export default async ({ open, check, calm, shot, must, args }) => {
  for (const width of [320, 768, 1440]) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open({ viewport: { width, height: 900 }, colorScheme });
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
      });
      for (const path of args.paths) {
        const what = `${path} at ${width}, ${colorScheme}`;
        await page.goto(`${args.url}/office${path}`);
        await check(page, what);
        await shot(page, `desk-${path.replace(/[^a-z]+/gi, '-').slice(0, 50)}-${width}-${colorScheme}`);
      }
      await page.context().close();
    }
  }
  const forced = await open({ viewport: { width: 1024, height: 800 }, forcedColors: 'active' });
  await forced.goto(`${args.url}/office/`);
  calm(forced, 'forced colours');
  await shot(forced, 'desk-forced');
  must(await forced.locator('h1').isVisible(), 'forced colours show the page');
};
