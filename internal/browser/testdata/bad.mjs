export default async ({ open, check, args }) => {
  const found = {};
  for (const name of ['good', 'axe', 'csp', 'far']) {
    const page = await open();
    await page.goto(`${args.url}/${name}`);
    try {
      await check(page, name);
      found[name] = '';
    } catch (e) {
      found[name] = /: (axe|faults)/.exec(e.message)?.[1] ?? e.message;
    }
  }
  return found;
};
