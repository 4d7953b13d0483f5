// Finds an invoice, opens it, and accepts its late money with a reason, with the keyboard alone.
export default async ({ open, check, calm, must, same, args }) => {
  const page = await open();
  const focused = () => page.evaluate(() => {
    const e = document.activeElement;
    return e.dataset.act || e.name || e.textContent.trim();
  });
  async function tabTo(name) {
    for (let i = 0; i < 80; i++) {
      if ((await focused()) === name) {
        const outlined = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        must(outlined !== 'none', `the focus on ${name} can be seen`);
        return;
      }
      await page.keyboard.press('Tab');
    }
    throw new Error(`Tab never comes to ${name}`);
  }
  await page.goto(`${args.url}/office/`);
  await page.keyboard.press('Tab');
  same(await focused(), 'Skip to the content', 'the first stop');
  await page.keyboard.press('Enter');
  await page.keyboard.press('?');
  must(await page.locator('dialog').isVisible(), 'the list of shortcuts is open');
  await check(page, 'the list of shortcuts');
  await page.keyboard.press('Escape');
  await page.keyboard.press('g');
  await Promise.all([page.waitForURL(/\/office\/invoices$/), page.keyboard.press('i')]);
  await page.keyboard.press('/');
  same(await focused(), 'q', 'the shortcut of the search');
  await page.keyboard.type(args.order);
  await Promise.all([page.waitForURL(/\/office\/invoices\/[0-9a-f-]+$/), page.keyboard.press('Enter')]);
  await tabTo('accept-late');
  await Promise.all([page.waitForURL(/accept-late$/), page.keyboard.press('Enter')]);
  await tabTo('reason');
  await page.keyboard.type('the bank was slow');
  await tabTo('Accept late money');
  await Promise.all([page.waitForURL(/done=/), page.keyboard.press('Enter')]);
  same(await page.locator('.notice').textContent(), 'Done: accept late (invoice). Reason: “the bank was slow”.', 'the notice');
  await check(page, 'after the act');
  calm(page, 'the walk');
};
