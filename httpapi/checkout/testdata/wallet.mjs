// A wallet of the browser is asked for the exact transaction, and what it says is shown.
export default async ({ open, check, same, must, args }) => {
  const page = await open({ locale: 'en-US' });
  await page.addInitScript((refuses) => {
    window.asked = [];
    const provider = {
      async request({ method, params }) {
        window.asked.push([method, params ?? null]);
        if (method === 'eth_requestAccounts') return ['0x00000000000000000000000000000000000000aa'];
        if (method === 'eth_chainId') return '0x89';
        if (method === 'wallet_switchEthereumChain' && window.stays) throw new Error('no');
        if (method === 'eth_sendTransaction') {
          if (window.refuses) throw new Error('<img src=x onerror=alert(1)>');
          return '0x01';
        }
        return null;
      },
    };
    const info = { uuid: '1', name: 'Wallet <b>', icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>', rdns: 'example.wallet' };
    const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }));
    window.addEventListener('eip6963:requestProvider', announce);
  });
  await page.goto(`${args.url}/pay/sample-pay-token`);
  const button = page.getByRole('button', { name: 'Pay with Wallet <b> in this browser' });
  await check(page, 'a wallet');
  await button.click();
  await page.getByText('The wallet has sent the payment').first().waitFor();
  same(await page.evaluate(() => window.asked), [
    ['eth_requestAccounts', null], ['eth_chainId', null], ['wallet_switchEthereumChain', [{ chainId: '0x1' }]],
    ['eth_sendTransaction', [{
      from: '0x00000000000000000000000000000000000000aa', to: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48', value: '0x0',
      data: '0xa9059cbb0000000000000000000000009858effd232b4033e47d90003d41ec34ecaeda9400000000000000000000000000000000000000000000000000000000033cb470',
    }]],
  ], 'what the wallet is asked');
  await page.evaluate(() => { window.refuses = true; });
  await button.click();
  await page.getByText('<img src=x onerror=alert(1)>').first().waitFor();
  await page.evaluate(() => { window.stays = true; });
  await button.click();
  await page.getByText('Please switch it to Ethereum').first().waitFor();

  // Copied texts are plain, however the page writes them.
  const copied = await open({ locale: 'de-DE', permissions: ['clipboard-read', 'clipboard-write'] });
  await copied.goto(`${args.url}/pay/sample-pay-token`);
  await copied.locator('button.copy').first().click();
  same(await copied.evaluate(() => navigator.clipboard.readText()), '54.31', 'the copied amount');
  await copied.locator('button.copy').nth(1).click();
  same(await copied.evaluate(() => navigator.clipboard.readText()), '0x9858EfFD232B4033E47d90003D41EC34EcaEda94', 'the copied address');
  must((await copied.locator('.amount').innerText()).startsWith('54,31'), 'the amount is not written as in German');

  // C3: a script that does not come, or fails, hides nothing.
  const broken = await open();
  await broken.route('**/*.js', (route) => route.abort());
  await broken.goto(`${args.url}/pay/sample-pay-token`);
  must(await broken.locator('.address').isVisible() && await broken.locator('.qr svg').isVisible(), 'nothing to pay without the script');

  // C8: the time shows in the last quarter.
  const soon = await open();
  await soon.goto(`${args.url}/pay/sample-pay-soon`);
  must(/^\d:\d\d$/.test(await soon.locator('.clock').innerText()), 'no clock in the last quarter');
  await soon.goto(`${args.url}/pay/sample-pay-token`);
  must(!(await soon.locator('.timer').isVisible()), 'a clock before the last quarter');
};
