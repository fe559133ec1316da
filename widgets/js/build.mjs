// Two bundles: the engine (every view, sent once a kernel) and the stub that each widget carries.
import * as esbuild from "esbuild";

const watching = process.argv.includes("--watch");
const options = {
  entryPoints: { engine: "src/engine.ts", view: "src/view.ts" },
  outdir: "../static",
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: !watching,
  sourcemap: watching ? "inline" : false,
  legalComments: "linked",
  loader: { ".css": "text" },
  logLevel: "info",
};
if (watching) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  await esbuild.build(options);
}
