import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// While the console is worked on, a running `assay dev` answers the rest.
const server = process.env['ASSAY_SERVER'] ?? 'http://127.0.0.1:8080'
const paths = ['/experiments', '/explain', '/reports', '/events', '/layers', '/segments', '/metric-definitions', '/holdouts', '/keys',
  '/readyz', '/healthz', '/stream', '/evaluate', '/session', '/system', '/overview', '/conditions', '/ledger', '/openapi.json', '/docs']

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    // The policy of the page lets nothing be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // The host stays the page's: the server refuses pages of other origins.
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server, changeOrigin: false }])) },
})
