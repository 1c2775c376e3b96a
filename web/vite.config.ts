import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds a server that answers: `testgrid up`, or the made-up one of `npm run fake`.
const server = 'http://127.0.0.1:8080';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../src/TestGrid.Server/wwwroot',
    emptyOutDir: true,
    target: 'es2022',
    // The server's policy allows no inline script and no data: address, so nothing is put into the page itself.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 300,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': server, '/hooks': server, '/signin': server, '/live': { target: server, ws: true } },
  },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.{ts,tsx}'] },
});
