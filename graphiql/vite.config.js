import { createHash } from 'node:crypto';

import { defineConfig } from 'vite';

const base = '/graphql/static/';

export default defineConfig({
  base,
  build: {
    outDir: '../app/web/static/graphiql',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    license: { fileName: 'licenses.md' },
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
    rollupOptions: {
      // Libraries' directives for server components mean nothing here.
      onwarn: (warning, warn) => warning.code === 'MODULE_LEVEL_DIRECTIVE' || warn(warning),
    },
  },
  plugins: [fontsAsFiles()],
  worker: { format: 'es' },
});

// GraphiQL's style sheet carries its fonts as data: addresses, which the page's content security policy refuses.
function fontsAsFiles() {
  return {
    name: 'fonts-as-files',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        for (const asset of Object.values(bundle)) {
          if (!asset.fileName.endsWith('.css')) continue;
          asset.source = String(asset.source).replace(
            /url\((["']?)data:font\/(\w+);(?:charset=[\w-]+;)?base64,([^"')]+)\1\)/g,
            (_match, _quote, kind, base64) => {
              const source = Buffer.from(base64, 'base64');
              const hash = createHash('sha256').update(source).digest('hex').slice(0, 12);
              const fileName = `assets/font-${hash}.${kind}`;
              this.emitFile({ type: 'asset', fileName, source });
              return `url(${base}${fileName})`;
            },
          );
        }
      },
    },
  };
}
