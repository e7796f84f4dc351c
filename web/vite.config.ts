import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

// While the console is worked on, a running `assay dev` answers the rest.
const server = process.env['ASSAY_SERVER'] ?? 'http://127.0.0.1:8080'
const paths = ['/experiments', '/explain', '/reports', '/events', '/layers', '/segments', '/metric-definitions', '/holdouts', '/keys',
  '/readyz', '/healthz', '/stream', '/evaluate', '/session', '/system', '/overview', '/conditions', '/ledger', '/openapi.json', '/docs']

// The letters that the page is written in come with it, not when the first is drawn.
const letters: Plugin = {
  name: 'letters',
  transformIndexHtml: {
    order: 'post',
    handler: (_, { bundle = {} }) => {
      const font = Object.keys(bundle).find((file) => file.includes('inter-latin-wght'))
      return font === undefined ? [] : [{ tag: 'link', attrs: { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: true, href: `/${font}` }, injectTo: 'head' }]
    },
  },
}

// Chromium compiles what comes with the page while it comes, on another thread,
// instead of function by function while the page is drawn.
const compiled: Plugin = {
  name: 'compiled',
  generateBundle: {
    order: 'post', // it has to be the first line
    handler: (_, bundle) => {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type === 'chunk' && chunk.name === 'console') chunk.code = `//# allFunctionsCalledOnLoad\n${chunk.code}`
      }
    },
  },
}

export default defineConfig({
  plugins: [react(), letters, compiled],
  build: {
    target: 'es2023',
    // The policy of the page lets nothing be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // Two files come with the page, each with all that it imports.
      output: { codeSplitting: { groups: [{ name: 'early', test: /src\/early\.ts$|rolldown.runtime/, priority: 1 }, { name: 'console', test: /src\/main\.tsx$/ }] } },
    },
  },
  // The host stays the page's: the server refuses pages of other origins.
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server, changeOrigin: false }])) },
})
