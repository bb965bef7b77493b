// Builds ../static/graphiql from the packages of package-lock.json: npm ci && npm run build. The same lockfile gives the same bytes.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "static", "graphiql");
const KEPT = "index.html";

const common = {
  absWorkingDir: here,
  bundle: true,
  define: { "process.env.NODE_ENV": '"production"', "process.env.USE_IMPORT": '"true"' },
  legalComments: "none",
  loader: { ".ttf": "dataurl" },
  logLevel: "warning",
  metafile: true,
  minify: true,
  outdir: target,
  target: ["chrome111", "firefox115", "safari16.4"],
  write: false,
};

const results = await Promise.all([
  build({ ...common, entryPoints: ["graphiql.jsx"], format: "esm", jsx: "automatic" }),
  // Classic scripts: a worker of another kind needs more of the browser and of the policy.
  build({
    ...common,
    entryPoints: {
      "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
      "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
      "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    },
    format: "iife",
  }),
]);

// By folder, so that two versions of a package are two.
const packages = new Map();
for (const { metafile } of results) {
  for (const input of Object.keys(metafile.inputs)) {
    const folder = input.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
    if (folder) packages.set(folder, JSON.parse(await readFile(join(here, folder, "package.json"))));
  }
}
for (const name of ["graphql", "monaco-editor", "react"]) {
  const versions = [...packages.values()].filter((one) => one.name === name).map((one) => one.version);
  if (versions.length !== 1) throw new Error(`${name} must be there once, not as ${versions.join(" and ") || "nothing"}`);
}

// Packages that forgot the text, and a package of the same people that has it.
const SAME_TERMS = {
  "@graphiql/plugin-doc-explorer": "graphiql",
  "@graphiql/plugin-explorer": "graphiql",
  "@graphiql/plugin-history": "graphiql",
  "react-compiler-runtime": "react",
  "react-remove-scroll-bar": "react-remove-scroll",
};

async function terms(folder) {
  const files = (await readdir(join(here, folder))).filter((name) => /^(licen[cs]e|notice|thirdpartynotices)/i.test(name)).sort();
  return Promise.all(files.map(async (name) => (await readFile(join(here, folder, name), "utf8")).trim()));
}

const notices = ["Packages that GraphiQL on this page is built from, with their licences."];
for (const [folder, { name, version, license }] of [...packages].sort(([a], [b]) => (a < b ? -1 : 1))) {
  let texts = await terms(folder);
  if (!texts.length && name in SAME_TERMS) texts = await terms(join("node_modules", SAME_TERMS[name]));
  if (!texts.length) throw new Error(`${name}: there is no text of its licence`);
  notices.push(`${name} ${version} (${license})`, ...texts);
}

for (const name of await readdir(target)) if (name !== KEPT) await rm(join(target, name));
const files = results.flatMap(({ outputFiles }) => outputFiles.map(({ path, contents }) => [path, contents]));
files.push([join(target, "NOTICES.txt"), Buffer.from(`${notices.join(`\n\n${"-".repeat(80)}\n\n`)}\n`)]);
for (const [path, contents] of files) {
  const packed = gzipSync(contents, { level: 9 });
  await writeFile(`${path}.gz`, packed);
  console.log(`${path.slice(target.length + 1)}: ${contents.length} bytes, ${packed.length} compressed`);
}
