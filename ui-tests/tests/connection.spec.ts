import { expect, galata, test } from '@jupyterlab/galata';
import type { Locator, Page } from '@playwright/test';

function item(page: Page): Locator {
  return page.locator('#jp-main-statusbar').getByRole('group', {
    name: /^(Connection: |连接状态：)/
  });
}

test.describe('The connection in the status bar', () => {
  test('tells how safe and how quick the way is', async ({ page }) => {
    await expect(item(page)).toHaveText(/(Secure|Not secure) · [1-9]\d* ms/);
    await expect(item(page)).toHaveAccessibleName(
      /^Connection: (Secure|Not secure) · [1-9]\d* ms$/
    );
  });

  test('lists the findings when it is pointed at', async ({ page }) => {
    await expect(item(page)).toHaveAttribute(
      'title',
      /^Round trip: \d+ ms \(median of the last 5\)\n(No problems found\.|(Note|Warning|Refused by policy): )/
    );
  });

  test('tells when the server is gone, and when it is back', async ({
    page
  }) => {
    await expect(item(page)).toHaveText(/ · \d+ ms/);
    await page.context().setOffline(true);
    await expect(item(page)).toHaveText(/^Disconnected/, { timeout: 20_000 });
    await page.context().setOffline(false);
    await expect(item(page)).toHaveText(/ · \d+ ms/);
  });
});

test.describe('Where the settings hide it', () => {
  test.use({
    mockSettings: {
      ...galata.DEFAULT_SETTINGS,
      'jupyter-remote-kit:connection': { showItem: false }
    }
  });

  test('it is not there, and nothing is asked', async ({ page }) => {
    const asked: string[] = [];
    page.on('request', request => asked.push(request.url()));
    await page.reload();
    await expect(page.locator('#jp-main-statusbar')).toBeVisible();
    await page.waitForLoadState('networkidle');
    await expect(item(page)).toBeHidden();
    expect(asked.filter(url => url.includes('remotekit/api'))).toEqual([]);
  });
});

test.describe('In Chinese', () => {
  test.use({
    mockSettings: {
      ...galata.DEFAULT_SETTINGS,
      '@jupyterlab/translation-extension:plugin': { locale: 'zh_CN' }
    },
    // Galata waits for a tab called "Launcher".
    waitForApplication: async ({}, use) => {
      await use(async page => {
        await page.locator('.jp-Launcher').waitFor();
      });
    }
  });

  test('it speaks Chinese, and so do the findings', async ({ page }) => {
    const status = page.waitForRequest(/remotekit\/api\/status/);
    await page.reload();
    await expect(item(page)).toHaveText(/(连接安全|连接不安全) · [1-9]\d* ms/);
    await expect(item(page)).toHaveAttribute(
      'title',
      /^往返延迟：\d+ ms（最近 5 次的中位数）\n(未发现问题。|(提示|警告|违反安全策略)：)/
    );
    expect((await status).headers()['accept-language']).toBe('zh-CN');
  });
});
