// Builds the page that shows the graph view without Jupyter, with the bundle's own options.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { options } from "../../build.mjs";

const here = dirname(fileURLToPath(import.meta.url));
await mkdir(resolve(here, "dist"), { recursive: true });
await esbuild.build({
  ...options,
  entryPoints: [resolve(here, "page.ts")],
  outdir: undefined,
  outfile: resolve(here, "dist/page.js"),
  format: "iife",
  minify: false,
});
await writeFile(
  resolve(here, "dist/index.html"),
  '<!doctype html><meta charset="utf-8"><body style="margin:8px"><script src="page.js"></script>',
);
