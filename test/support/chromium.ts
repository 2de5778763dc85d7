import { accessSync, constants } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import axe, { type Result } from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Debian's Chromium, and where other systems have theirs. */
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where Chromium is; undefined: it is not installed. */
export const CHROMIUM = PLACES.find((path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

const FOLDER = '.local/screenshots';

/** Starts Chromium without a window. As root, it has no sandbox. */
export async function launchChromium(): Promise<Browser> {
  await mkdir(FOLDER, { recursive: true });
  const args = ['--disable-background-networking', '--disable-component-update', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])];
  return await chromium.launch({ executablePath: CHROMIUM!, args });
}

/** What axe finds on a page that is serious or critical, as "rule: element". */
async function seriousFindings(page: Page): Promise<string[]> {
  // Not by a script element: the policy of the page refuses it.
  await page.evaluate(`${axe.source}; undefined`);
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as Result[];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

const WIDTHS = [390, 768, 1280];
const SCHEMES = ['light', 'dark'] as const;

/** Takes pictures of a page, light and dark, narrow, medium and wide, and checks each by axe. @returns the serious findings */
export async function inspect(page: Page, name: string): Promise<string[]> {
  const findings: string[] = [];
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: `${FOLDER}/${name}-${colorScheme}-${width}.png`, fullPage: true });
      const overflow = (await page.evaluate('document.documentElement.scrollWidth > innerWidth')) as boolean;
      findings.push(...(await seriousFindings(page)), ...(overflow ? ['the page is wider than the window'] : []));
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 900 });
  return findings.map((finding) => `${name}: ${finding}`);
}
