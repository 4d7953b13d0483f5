// Gives the surplus back without scripts, and clicks twice.
export default async ({ open, must, same, args }) => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto(args.url + args.confirm);
  await page.locator('[name=reason]').fill('paid too much');
  await page.locator('button.danger').dblclick();
  await page.waitForURL(/done=/);
  must(/0\.025 SIM/.test(await page.locator('h1').textContent()), 'the page of the refund');
  await page.goto(args.url + '/office/');
  await page.locator('nav a', { hasText: 'Invoices' }).click();
  await page.locator('summary', { hasText: 'Save this filter' }).click();
  await page.locator('#save-name').fill('Everything');
  await page.locator('button', { hasText: 'Save' }).click();
  same(await page.locator('.saved a').allTextContents(), ['Everything'], 'the saved filters');
  for (const order of ['A-1001', 'A-1002']) {
    await page.getByLabel(`Choose ${order}`).check();
  }
  must(await page.locator('#all').isHidden(), 'what needs a script is not shown');
  await page.locator('button', { hasText: 'Archive' }).click();
  await page.locator('[name=reason]').fill('end of the year');
  await page.locator('button.danger').dblclick();
  await page.waitForURL(/several\?entry=/);
  same(await page.locator('.total').textContent(), '2 of 2 done', 'what became of several invoices');
  const scripted = await open();
  await scripted.goto(`${args.url}/office/invoices`);
  await scripted.locator('#all').click();
  const boxes = scripted.locator('input[name=invoice]');
  same(await scripted.locator('input[name=invoice]:checked').count(), await boxes.count(), 'all are ticked');
  await boxes.first().uncheck();
  await scripted.locator('#all').click();
  await scripted.locator('#all').click();
  same(await scripted.locator('input[name=invoice]:checked').count(), 0, 'and none');
};
