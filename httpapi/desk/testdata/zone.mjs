// Shows times in the zone of the browser, keeps that on further pages, and goes back to UTC.
export default async ({ open, check, calm, must, same, args }) => {
  const page = await open({ timezoneId: 'America/New_York', viewport: { width: 320, height: 900 } });
  await page.goto(args.url + args.invoice);
  const first = page.locator('time.clock').first();
  const utc = await first.textContent();
  must(/^2026-11-20 1\d:\d\d:\d\d UTC$/.test(utc), `${utc} is a time in UTC`);
  const hour = Number(utc.slice(11, 13)) - 5;
  const own = `2026-11-20 ${String(hour).padStart(2, '0')}${utc.slice(13, 19)} GMT-5`;
  const ago = page.locator('time:not(.clock)').first();
  const title = await ago.getAttribute('title');
  await page.locator('#zone').click();
  same([await first.textContent(), await first.getAttribute('title')], [own, utc], 'the time in New York');
  must((await ago.getAttribute('title')).endsWith(`GMT-5 (${title})`), 'how long ago has both times in its title');
  await check(page, 'times in New York');
  await page.reload();
  same([await first.textContent(), await page.locator('#zone').textContent()], [own, 'UTC times'], 'it is kept');
  await page.locator('#zone').click();
  same([await first.textContent(), await first.getAttribute('title'), await ago.getAttribute('title')], [utc, '', title], 'UTC again');
  same(await page.context().cookies(), [], 'there are no cookies');
  calm(page, 'the walk');
};
