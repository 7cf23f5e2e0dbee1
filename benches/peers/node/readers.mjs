// One reader over the GGUF files whose paths come on stdin, NUL-separated: `node readers.mjs NAME FOLDER`, where FOLDER
// is the one that the packages are installed in. The first file is read once before the clock starts; then wall and CPU
// seconds for all files are printed.
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [name, folder] = process.argv.slice(2);
const require = createRequire(join(folder, "package.json"));
const load = (path) => import(pathToFileURL(path));

const readers = {
  async huggingface() {
    const { gguf } = await load(require.resolve("@huggingface/gguf"));
    return (path) => gguf(path, { allowLocalFile: true });
  },
  async hyllama() {
    const { ggufMetadata } = await load(join(folder, "node_modules/hyllama/src/hyllama.js"));
    return (path) => {
      const bytes = new Uint8Array(Math.min(10_000_000, statSync(path).size));
      const file = openSync(path, "r");
      readSync(file, bytes, 0, bytes.length, 0);
      closeSync(file);
      return ggufMetadata(bytes.buffer);
    };
  },
};

const read = await readers[name]();
const paths = readFileSync(0, "utf8").split("\0").filter(Boolean);
const check = (found) => {
  if (found.tensorInfos.length !== 300) throw new Error(`${found.tensorInfos.length} tensors`);
};
check(await read(paths[0]));
const begun = process.hrtime.bigint();
const before = process.cpuUsage();
for (const path of paths) check(await read(path));
const cpu = process.cpuUsage(before);
console.log(Number(process.hrtime.bigint() - begun) / 1e9, (cpu.user + cpu.system) / 1e6);
