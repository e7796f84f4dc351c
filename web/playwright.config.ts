import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'

// The distribution's chromium: nothing is downloaded.
const chromium = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => path && existsSync(path))
if (!chromium) throw new Error('no chromium: install it (Debian: apt-get install chromium), or name one in CHROMIUM')

export default defineConfig({
  testDir: 'test',
  outputDir: 'test-results',
  workers: 2,
  retries: 0,
  ...(process.env['ASSAY_SHORT'] ? { grepInvert: /@long/ } : {}),
  forbidOnly: Boolean(process.env['CI']),
  reporter: 'list',
  // Wide: a slow machine is no fault of the console.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  use: {
    browserName: 'chromium',
    launchOptions: {
      executablePath: chromium,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    contextOptions: { reducedMotion: 'reduce' },
    permissions: ['clipboard-read', 'clipboard-write'],
    trace: 'off',
    video: 'off',
    actionTimeout: 30_000,
    navigationTimeout: 30_000,
  },
  projects: [
    { name: 'console', testMatch: '*.spec.ts' },
    { name: 'screenshots', testMatch: 'screenshots.ts', timeout: 300_000, use: { trace: 'off' } },
  ],
})
