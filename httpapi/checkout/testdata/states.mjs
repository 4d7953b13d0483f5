// Every state in six widths, light and dark, without scripts and from right to left. The slow rules of axe are asked for each
// colour scheme and for the narrow and the wide layout, once each.
export default async ({ open, check, calm, shot, must, args }) => {
  const at = (name, query = '') => `${args.url}/pay/sample-${name}${query}`;
  for (const colorScheme of ['light', 'dark']) {
    const page = await open({ colorScheme, locale: 'en-US', reducedMotion: 'reduce' });
    for (const name of args.names) {
      await page.goto(at(name));
      for (const width of [320, 375, 414, 768, 1024, 1440]) {
        await page.setViewportSize({ width, height: 800 });
        if (width === { light: 320, dark: 1024 }[colorScheme]) await check(page, `${name} ${width} ${colorScheme}`);
        else must(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than ${width}`);
        if (width === 375 || width === 1440) await shot(page, `${name}-${width}-${colorScheme}`);
      }
    }
    await page.context().close();
  }
  for (const [query, options] of [['?lang=ar', {}], ['', { forcedColors: 'active' }]]) {
    const page = await open({ viewport: { width: 375, height: 800 }, ...options });
    for (const name of args.names) {
      await page.goto(at(name, query));
      if (query) await check(page, `${name} ${query}`);
      else calm(page, name);
      await shot(page, `${name}-${query ? 'ar' : 'forced'}`);
    }
    await page.context().close();
  }
  const page = await open({ javaScriptEnabled: false, viewport: { width: 375, height: 800 } });
  for (const name of args.names) {
    await page.goto(at(name));
    must(await page.locator('h1').isVisible(), `${name}: nothing is shown without scripts`);
    must(await page.locator('button.copy:visible').count() === 0, `${name}: a button that needs scripts is shown without them`);
    await shot(page, `${name}-plain`);
  }
};
