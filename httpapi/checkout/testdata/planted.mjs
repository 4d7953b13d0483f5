// Texts that a merchant, a payer, a node or an endpoint can choose stay texts: no dialog, no element, no report of the policy.
export default async ({ open, calm, must, args }) => {
  const page = await open();
  page.on('dialog', (d) => page.faults.push(`dialog: ${d.message()}`));
  await page.addInitScript(() => {
    window.reports = [];
    document.addEventListener('securitypolicyviolation', (e) => window.reports.push(`${e.violatedDirective} ${e.blockedURI}`));
  });
  for (const path of ['', '/receipt', '?lang=%22%3E%3Cscript%3Ealert(1)%3C/script%3E', '?frame=%22%3E%3Cscript%3E']) {
    await page.goto(`${args.url}/pay/${args.id}${path}`);
    await page.waitForTimeout(200);
    calm(page, path);
    must((await page.evaluate(() => window.reports)).length === 0, `${path}: ${await page.evaluate(() => window.reports)}`);
    must(await page.locator('script:not([src*="/assets/"]), img[src="x"], [onerror], [onclick], iframe, style').count() === 0, `${path}: a text became an element`);
    must((await page.locator('body').innerText()).includes('onerror=alert(1)'), `${path}: the text is not shown`);
  }
};
