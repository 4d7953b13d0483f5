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
};
