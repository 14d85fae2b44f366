// A reviewer with a phone: 360 pixels wide, without JavaScript. Signs in, reads the hold, approves it. Prints `done` when all of it held.
// usage: node reviewer.mjs CHROMIUM URL HOLD NAME, the password in PGSLUICE_REVIEWER_PASSWORD
import { chromium } from 'playwright-core';

const [executablePath, url, hold, name] = process.argv.slice(2);
const password = process.env.PGSLUICE_REVIEWER_PASSWORD;
const check = (holds, what) => {
  if (!holds) throw new Error(what);
};

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
try {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 }, javaScriptEnabled: false, colorScheme });
    const page = await context.newPage();
    const complaints = [];
    page.on('console', (message) => complaints.push(message.text()));
    const fits = async (where) => {
      const { width } = await page.locator('html').boundingBox();
      const main = await page.locator('main').boundingBox();
      check(width <= 360 && main.x >= 0 && main.x + main.width <= 360, `${where} is wider than the screen: ${width}, ${JSON.stringify(main)}`);
      for (const box of await Promise.all((await page.locator('pre, table, button, input, textarea, dl, h1').all()).map((one) => one.boundingBox()))) {
        check(!box || box.x + box.width <= 360, `${where}: something ends at ${box && box.x + box.width}`);
      }
    };

    await page.goto(`${url}/holds/${hold}`);
    check(page.url().includes('/sign-in'), `nobody is signed in, and this is ${page.url()}`);
    await fits('the sign-in');
    const styled = await page.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor).catch(() => 'unknown');
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    check(page.url().endsWith(`/holds/${hold}`), `after the sign-in this is ${page.url()}`);
    await fits('the hold');
    check((await page.locator('pre.sql').textContent()).includes('held_orders'), 'the statement is not there');
    // Every field has its label; keys lead through the form.
    await page.getByLabel('Reason').focus();
    await page.keyboard.press('Tab');
    if (colorScheme === 'dark') {
      await page.getByLabel('Reason').fill('as planned');
      await page.getByRole('button', { name: 'Approve, once' }).click();
      check((await page.locator('.standing').textContent()).includes(`Approved by ${name}`), 'it is not approved');
      await fits('the decision');
      await page.getByRole('link', { name: 'pgsluice' }).click();
      await fits('the list');
    }
    await page.getByRole('button', { name: 'Sign out' }).click();
    check(page.url().endsWith('/sign-in'), `after the sign-out this is ${page.url()}`);
    check(complaints.length === 0, `the browser complains: ${complaints.join('; ')}`);
    console.log(colorScheme, styled);
    await context.close();
  }
  console.log('done');
} finally {
  await browser.close();
}
