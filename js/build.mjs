// Builds what widgets need into nbdl/widgets/static/: the loader (each widget's _esm, under 2 kB),
// and the bundles, each with the views of one kind, their style sheets and workers. A page loads
// only the bundles of what it shows.
//
//   node build.mjs            build once, fail when a size limit is passed
//   node build.mjs --watch    build again at every change

import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(here, "../nbdl/widgets/static");
const BUNDLES = ["graphs", "runs", "values", "walks"];
const LIMIT = 150_000;
const LOADER_LIMIT = 2_000;
const target = ["es2022"];

/** The view's code is imported from a Blob URL, so it cannot fetch a neighbour: `import code from
 *  "./layout.worker.ts?worker"` bundles the worker and gives its text. */
const inlineWorkers = {
  name: "inline-workers",
  setup(build) {
    build.onResolve({ filter: /\?worker$/ }, (args) => ({
      path: resolve(args.resolveDir, args.path.replace(/\?worker$/, "")),
      namespace: "worker",
    }));
    build.onLoad({ filter: /.*/, namespace: "worker" }, async (args) => {
      const built = await esbuild.build({
        entryPoints: [args.path],
        bundle: true,
        minify: true,
        write: false,
        metafile: true,
        format: "iife",
        target,
      });
      return {
        contents: built.outputFiles[0].text,
        loader: "text",
        watchFiles: Object.keys(built.metafile.inputs).map((file) => resolve(file)),
      };
    });
  },
};

/** Style sheets are text in the bundle; this takes their comments and spaces out. */
const minifiedCss = {
  name: "minified-css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async (args) => {
      const built = await esbuild.build({
        entryPoints: [args.path],
        minify: true,
        write: false,
        target,
      });
      return { contents: built.outputFiles[0].text.trim(), loader: "text" };
    });
  },
};

const reportSizes = {
  name: "report-sizes",
  setup(build) {
    build.onEnd((result) => {
      for (const [path, { bytes }] of Object.entries(result.metafile?.outputs ?? {})) {
        const name = path.split("/").pop();
        const limit = name === "loader.js" ? LOADER_LIMIT : LIMIT;
        console.log(`${name}: ${bytes} bytes of ${limit} allowed`);
        if (bytes >= limit) {
          console.error(`${name} is too large; see \`npx esbuild --analyze\` for what is in it.`);
          process.exitCode = 1;
        }
      }
    });
  },
};

export const options = {
  absWorkingDir: here,
  entryPoints: {
    loader: "loader/loader.ts",
    page: "loader/page.ts",
    ...Object.fromEntries(BUNDLES.map((name) => [name, `bundles/${name}.ts`])),
  },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target,
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  plugins: [inlineWorkers, minifiedCss, reportSizes],
};

const asked = process.argv[1] === fileURLToPath(import.meta.url);
if (asked) await mkdir(out, { recursive: true });
if (asked && process.argv.includes("--watch")) {
  const context = await esbuild.context(options);
  await context.watch();
} else if (asked) {
  await esbuild.build(options);
}
