// A payer chooses, pays too little, pays the rest, and goes back to the shop, without a reload and by keyboard alone. Then the
// page sleeps, and the server is restarted.
export default async ({ open, check, calm, shot, must, same, args }) => {
  const page = await open({ viewport: { width: 375, height: 812 }, locale: 'en-US' });
  const post = (path, form = {}) => page.request.post(`${args.url}${path}`, { form });
  const kind = (want, timeout = 20000) => page.waitForSelector(`main[data-kind="${want}"]`, { timeout });
  const text = async (selector) => (await page.locator(selector).first().innerText()).replace(/\u00a0/g, ' ');

  await page.goto(`${args.url}/pay/${args.story}`);
  await page.evaluate(() => { window.sameDocument = true; });
  // By keyboard: past the skip link and the languages to the button of the token.
  for (let i = 0; i < 20 && !(await page.evaluate(() => document.activeElement.matches("button") && /TOK/.test(document.activeElement.textContent))); i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await kind('pay');
  await page.evaluate(() => { window.sameDocument = true; });
  same(await text('.amount'), '20 TOK', 'the amount');
  await check(page, 'pay');

  await post('/chain/pay', { id: args.story, amount: '12' });
  await kind('confirming').catch(() => kind('part'));
  await post('/chain/mine');
  await kind('part');
  same(await text('.amount'), '8 TOK', 'the rest');
  await check(page, 'part');
  await shot(page, 'story-part');

  await post('/chain/pay', { id: args.story, amount: '8' });
  await kind('confirming');
  same(await text('#depth'), '0 of 2 confirmations', 'confirmations');
  await post('/chain/mine');
  await page.waitForFunction(() => document.getElementById('depth')?.textContent === '1 of 2 confirmations');
  same(await page.locator('progress').getAttribute('value'), '1', 'progress');
  await post('/chain/mine');
  await kind('paid');
  must(await page.evaluate(() => window.sameDocument), 'the page was reloaded');
  must(/Paid/.test(await text('#said')), 'a screen reader is not told that it is paid');
  must(/Paid/.test(await page.title()), 'the title does not say that it is paid');
  await check(page, 'paid');
  await shot(page, 'story-paid');
  await page.locator('a.main').press('Enter');
  must(page.url().endsWith('/thanks?paid'), `led to ${page.url()}`);
  calm(page, 'story');

  // C1: a phone that sleeps while the payment comes shows it when it wakes.
  const phone = await open({ viewport: { width: 375, height: 812 } });
  await phone.goto(`${args.url}/pay/${args.sleep}`);
  const hidden = (is) => phone.evaluate((is) => {
    Object.defineProperty(document, 'hidden', { value: is, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, is);
  await hidden(true);
  await post('/chain/pay', { id: args.sleep, amount: '10' });
  await post('/chain/mine', { n: '3' });
  await phone.waitForTimeout(500);
  same(await phone.getAttribute('main', 'data-kind'), 'pay', 'a page that sleeps');
  await hidden(false);
  await phone.waitForSelector('main[data-kind="paid"]');
  calm(phone, 'asleep');

  // The server is away while the payment comes.
  const other = await open();
  await other.goto(`${args.url}/pay/${args.restart}`);
  await post('/server/stop');
  await post('/chain/pay', { id: args.restart, amount: '10' });
  await post('/chain/mine', { n: '3' });
  await other.waitForTimeout(500);
  await post('/server/start');
  await other.waitForSelector('main[data-kind="paid"]', { timeout: 30000 });
  calm(other, 'restart');

  // What happens while the page is being fetched is not missed, and neither is what a fetch that fails was for.
  for (const fate of ['slow', 'broken']) {
    const id = args[fate];
    const late = await open();
    await late.goto(`${args.url}/pay/${id}`);
    let first = true;
    await late.route((url) => url.pathname === `/pay/${id}`, async (route) => {
      if (route.request().resourceType() !== 'xhr' || !first) {
        await route.continue();
        return;
      }
      first = false;
      const response = await route.fetch(); // as it is now
      await post('/chain/mine', { n: '3' });
      await late.waitForTimeout(1000);
      if (fate === 'slow') await route.fulfill({ response });
      else await route.abort();
    });
    await post('/chain/pay', { id, amount: '10' });
    await late.waitForSelector('main[data-kind="paid"]', { timeout: 30000 });
    must(!first, `${fate}: the page was not fetched`);
  }

  // Without scripts: choosing, and looking again.
  const plain = await open({ javaScriptEnabled: false });
  await plain.goto(`${args.url}/pay/${args.plain}`);
  await plain.getByRole('button', { name: /SIM/ }).click();
  must(await plain.locator('main[data-kind="pay"]').isVisible(), 'a form does not choose');
  await post('/chain/pay', { id: args.plain, amount: '10' });
  await post('/chain/mine', { n: '3' });
  await plain.getByRole('link', { name: 'Check again' }).click();
  must(await plain.locator('main[data-kind="paid"]').isVisible(), 'looking again shows nothing');

  // In a frame of the shop, whose page is told.
  const host = await open();
  await host.goto(`${args.url}/host?id=${args.frame}`);
  await host.waitForFunction(() => window.told?.some((m) => m.kind === 'pay'));
  await post('/chain/pay', { id: args.frame, amount: '10' });
  await post('/chain/mine', { n: '3' });
  await host.waitForFunction(() => window.told.some((m) => m.kind === 'paid'));
  const told = await host.evaluate(() => window.told);
  must(told.every((m) => m.cointill === args.frame && m.height > 100), JSON.stringify(told));
};
