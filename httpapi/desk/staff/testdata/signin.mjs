// The first administrator accepts the invitation, turns on a second factor, signs in with both, proves again, and looks at all
// pages: in two widths, light and dark, with axe; then a passkey of a virtual device.
import { createHmac } from 'node:crypto';

// codeOf returns the code of an authenticator app (RFC 6238) some steps from now.
function codeOf(secret, steps) {
  const bits = [...secret.replace(/\s/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const sum = createHmac('sha1', key).update(counter).digest();
  const at = sum[19] & 15;
  return String((sum.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, '0');
}

export default async ({ open, check, calm, shot, same, args }) => {
  const password = 'correct horse battery staple';
  const page = await open();
  const looks = async (name) => {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      for (const width of [320, 1200]) {
        await page.setViewportSize({ width, height: 800 });
        await check(page, `${name} ${width} ${colorScheme}`);
      }
    }
    await shot(page, `staff-${name}`);
  };
  const at = (path) => page.goto(args.url + path);

  await at('sign-in');
  await looks('sign-in');
  await page.goto(args.invitation);
  await looks('invitation');
  await page.getByLabel('New password').fill(password);
  await page.getByLabel('The same again').fill(password);
  await page.getByRole('button', { name: 'Go on' }).click();
  await looks('enrol');
  await page.getByText('Or type it in').click();
  const secret = await page.locator('.secret code').innerText();
  await page.getByLabel('Code').fill(codeOf(secret, -1));
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await looks('codes');

  await at('sign-out');
  await looks('sign-out');
  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await at('sign-in');
  await page.locator('input[name="name"]').fill('ann');
  await page.locator('input[name="password"]').fill(password);
  await page.keyboard.press('Enter');
  await page.locator('input[name="code"]').waitFor();
  await looks('second');
  await page.locator('input[name="code"]').fill(codeOf(secret, 0));
  await page.keyboard.press('Enter');
  await page.waitForURL('**/home');
  for (const path of ['', 'members', 'invite', 'member?id=ann', 'password', 'prove', 'passkey']) {
    await at(path);
    await looks(path.replace(/\W/g, '-') || 'account');
  }

  const device = await page.context().newCDPSession(page);
  await device.send('WebAuthn.enable');
  await device.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await at('passkey');
  await page.getByLabel('Name of the passkey').fill('This device');
  await page.getByRole('button', { name: 'Add it' }).click();
  await page.locator('li', { hasText: 'This device' }).waitFor(); // of the account's page, which follows
  await at('');
  same(await page.locator('li', { hasText: 'This device' }).locator('.tag').innerText(), 'Passkey', 'the list of factors');
  calm(page, 'a passkey');
};
