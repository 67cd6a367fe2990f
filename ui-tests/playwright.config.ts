import { mkdtempSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';

import { defineConfig } from '@playwright/test';

const port = process.env.UI_TESTS_PORT ?? '8888';
const url = `http://127.0.0.1:${port}`;

/** Whoever runs the tests has settings of their own, which are not tested. */
const home = mkdtempSync(join(tmpdir(), 'ui-tests-'));

/** Debian's Chromium, with everything off that talks to its maker. */
const launchOptions = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--headless',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync'
  ]
};

export default defineConfig({
  forbidOnly: Boolean(process.env.CI),
  reporter: 'list',
  testDir: 'tests',
  timeout: 60_000,
  use: {
    baseURL: url,
    launchOptions,
    trace: 'retain-on-failure',
    viewport: { width: 1280, height: 800 }
  },
  webServer: {
    command: 'jupyter lab --config jupyter_server_test_config.py',
    env: {
      ...(process.env as Record<string, string>),
      JUPYTER_CONFIG_DIR: join(home, 'config'),
      JUPYTER_DATA_DIR: join(home, 'data'),
      JUPYTER_RUNTIME_DIR: join(home, 'runtime')
    },
    url: `${url}/lab`,
    timeout: 120_000,
    reuseExistingServer: false
  },
  workers: 1
});
