// node build.js SOURCE WASM EXPORT...: compiles one file without the standard library, for the target wasm-gc. The compiler is
// made for a browser's worker, which takes calls as messages.
const fs = require("fs");
const [source, wasm, ...exportedFunctions] = process.argv.slice(2);

let take;
const waiting = new Map();
globalThis.addEventListener = (kind, handler) => {
  if (kind === "message") take = handler;
};
globalThis.removeEventListener = () => {};
globalThis.postMessage = (message) => waiting.get(message.id)(message.value);
require("@moonbit/moonc-worker/moonc-worker.js");

const call = (name, value) =>
  new Promise((done) => {
    waiting.set(name, done);
    const argumentList = [{ type: "RAW", value }];
    take({ origin: "", data: { id: name, type: "APPLY", path: [name], argumentList } });
  });

(async () => {
  const common = { target: "wasm-gc", pkgSources: ["main:main:/"], noOpt: false };
  const built = await call("buildPackage", {
    ...common,
    mbtFiles: [["main.mbt", fs.readFileSync(source, "utf8")]],
    miFiles: [],
    indirectImportMiFiles: [],
    stdMiFiles: [],
    pkg: "main",
    isMain: false,
    errorFormat: "human",
    enableValueTracing: false,
  });
  for (const line of built.diagnostics) console.error(line);
  const linked = await call("linkCore", {
    ...common,
    coreFiles: [built.core],
    main: "main",
    exportedFunctions,
    outputFormat: "wasm",
    testMode: false,
    debug: false,
    sourceMap: false,
    sources: {},
    stopOnMain: false,
  });
  fs.writeFileSync(wasm, linked.result);
})();
