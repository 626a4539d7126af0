// Bundles what pages load: built/NAME-HASH.js and .css, and built/manifest.json, which says which name became which.

import { rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";

const ENTRIES = ["scripts/console.ts", "scripts/front.ts", "scripts/reference.ts", "scripts/try_it.ts", "styles/page.css"];

rmSync("built", { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ENTRIES,
  outdir: "built",
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
const manifest = {};
for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
  const name = basename(entryPoint).replace(/\.ts$/, ".js");
  manifest[name] = basename(path);
}
writeFileSync("built/manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
