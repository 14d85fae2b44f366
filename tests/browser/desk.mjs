// A reviewer at a desk, with JavaScript: a hold appears while the list is open, keys lead to it and through it, and what somebody else decides is seen.
// Every page is looked at on a phone and on a wide screen, in light and dark, and photographed.
// usage: node desk.mjs CHROMIUM URL NAME FOLDER, the password in PGSLUICE_REVIEWER_PASSWORD. It says `open` when the list is open, and `done`.
import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const [executablePath, url, name, folder] = process.argv.slice(2);
const password = process.env.PGSLUICE_REVIEWER_PASSWORD;
const check = (holds, what) => {
  if (!holds) throw new Error(what);
};
await mkdir(folder, { recursive: true });

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
try {
  const complaints = [];
  const sized = async (width, colorScheme) => {
    const context = await browser.newContext({ viewport: { width, height: width < 500 ? 740 : 800 }, colorScheme });
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(url);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    return page;
  };
  const page = await sized(1200, 'light');
  check((await page.title()).startsWith('Nothing waits'), `the list says ${await page.title()}`);
  console.log('open');

  // It comes by itself.
  await page.locator('.holds a.hold').first().waitFor();
  check((await page.title()).startsWith('1 waiting'), `the list says ${await page.title()}`);
  check((await page.locator('time[data-until]').first().textContent()).includes('from now'), 'no deadline counts down');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.locator('pre.sql').waitFor();
  const hold = page.url();

  const phone = await sized(360, 'dark');
  const pages = ['/', '/?show=mine', '/?show=decided', new URL(hold).pathname, '/audit', '/audit/1', '/audit/shapes', '/agents', '/policy', '/health', '/nothing'];
  for (const path of pages) {
    for (const [one, width] of [[page, 1200], [phone, 360]]) {
      await one.goto(url + path);
      const main = await one.locator('main').boundingBox();
      check(main.x >= 0 && main.x + main.width <= width, `${path} is wider than ${width}: ${JSON.stringify(main)}`);
      const wide = await one.evaluate(() => document.documentElement.scrollWidth);
      check(wide <= width, `${path} scrolls sideways at ${width}: ${wide}`);
      const unnamed = await one.locator('input:not([type=hidden]), textarea, select').evaluateAll((all) => all.filter((field) => !field.labels?.length).map((field) => field.name));
      check(unnamed.length === 0, `${path}: fields without a label: ${unnamed}`);
      const file = path === new URL(hold).pathname ? 'hold' : path.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'list';
      await one.screenshot({ path: `${folder}/${file}-${width}.png`, fullPage: true });
    }
  }

  // Decided on the phone, seen on the wide screen without anybody loading it anew.
  await page.goto(hold);
  await phone.goto(hold);
  await phone.keyboard.press('a');
  const focused = await phone.evaluate(() => document.activeElement.value);
  check(focused === 'approve', `the key leads to ${focused}`);
  await phone.keyboard.press('Enter');
  await phone.locator('.standing', { hasText: `Approved by ${name}` }).waitFor();
  await page.locator('.standing', { hasText: `by ${name}` }).waitFor();
  check((await page.getByRole('button', { name: 'Approve' }).count()) === 0, 'what is decided can be decided');
  await page.screenshot({ path: `${folder}/decided-1200.png`, fullPage: true });
  const real = complaints.filter((said) => !said.includes('404'));
  check(real.length === 0, `the browser complains: ${real}`);
  console.log('done');
} finally {
  await browser.close();
}
