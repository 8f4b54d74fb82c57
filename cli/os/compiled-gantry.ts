import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { runProgram } from "../bootstrap/run-program.ts";
import { putFile, putLink, removePath } from "./file-tree.ts";
import { programFolder } from "./gantry-files.ts";

/** What is loaded first in a machine: the engine, and what starts a workload. */
const modules = [
  "cli/main",
  "cli/commands/engine",
  "engine/daemon",
  "cli/commands/run",
  "cli/commands/archives",
];
const compiled = `${programFolder}/compiled`;
const node = `/${programFolder}/node_modules/.bin/node`;

/**
 * Compiles Gantry for a tree that it is in, and gives it a command that uses that: an emulated machine would spend most of the
 * engine's first start on it.
 *
 * Node's cache would differ with every run, as V8 writes down hashes with a seed of the run's own. So it is made with a fixed seed, a
 * flag; that this flag was set is then taken out of each file, as one made with it serves only who sets it as well. What Node makes of
 * the files it finds out itself: one that does not suit it is compiled again.
 */
export async function compileGantry(tree: string, signal: AbortSignal): Promise<void> {
  const command = readFileSync(join(tree, programFolder, "bin/gantry"), "utf8");
  const [, words] = /^exec "\$node" (.*) "\$home\//m.exec(command) ?? [];
  const flags = words?.replace("$young", "1");
  if (flags === undefined || flags.includes("$"))
    throw new Fault("internal", "bin/gantry does not start Node as expected");
  const imports = [
    'import { resolveOwnModules } from "/usr/lib/gantry/host/module-paths.js"',
    `resolveOwnModules(new URL("file:///${programFolder}/"))`,
    ...modules.map((name) => `await import("file:///${programFolder}/${name}.js")`),
    "process.exit(0)",
  ].join(";\n");
  const compile = async (folder: string, seed: readonly string[]) => {
    const words = [...flags.split(" "), ...seed, "--input-type=module", "--eval", imports];
    const env = { NODE_COMPILE_CACHE: folder, PATH: "/usr/sbin:/usr/bin" };
    await runProgram(["chroot", tree, node, ...words], { env, signal });
    const [name = ""] = readdirSync(join(tree, folder));
    return join(tree, folder, name);
  };
  const plain = await compile("/tmp/plain", []);
  const seeded = await compile("/tmp/seeded", ["--hash-seed=1", "--random-seed=1"]);
  keepFiles(seeded, plain, join(tree, compiled));
  for (const folder of ["tmp/plain", "tmp/seeded"]) removePath(tree, folder);
  putFile(tree, `${programFolder}/bin/start.js`, startScript);
  putFile(tree, `${programFolder}/bin/start`, ownCommand(command), 0o755);
  putLink(tree, "usr/bin/gantry", `/${programFolder}/bin/start`);
}

/** Of a file of Node's: its check sum of what follows, V8's of the flags. */
const headerBytes = 20;
const checksumAt = 16;
const flagsAt = 32;

function keepFiles(seeded: string, plain: string, target: string): void {
  mkdirSync(target);
  const [other = ""] = readdirSync(plain);
  const usualFlags = readFileSync(join(plain, other)).readUInt32LE(flagsAt);
  for (const name of readdirSync(seeded).sort()) {
    const bytes = readFileSync(join(seeded, name));
    if (bytes.readUInt32LE(checksumAt) !== crc32(bytes.subarray(headerBytes)))
      throw new Fault("internal", "Node's files of compiled code are not as expected");
    bytes.writeUInt32LE(usualFlags, flagsAt);
    bytes.writeUInt32LE(crc32(bytes.subarray(headerBytes)), checksumAt);
    writeFileSync(join(target, name), bytes, { mode: 0o644 });
  }
}

/** Node looks for a folder whose name has what processor it runs on, which nobody knew when the image was made. */
const startScript = `import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { cachedDataVersionTag } from "node:v8";

const folder = "/var/cache/gantry/node";
if (process.getuid() === 0 && process.env.NODE_COMPILE_CACHE === undefined) {
  const tag = cachedDataVersionTag().toString(16).padStart(8, "0");
  const own = \`\${folder}/\${process.version}-\${process.arch}-\${tag}-0\`;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(own)) symlinkSync("/${compiled}", own);
  enableCompileCache(folder);
  process.env.NODE_COMPILE_CACHE = folder;
}
await import("./gantry.js");
`;

/** Without the lines that choose a folder for Node's cache. */
function ownCommand(command: string): string {
  return command.replace(/^# Types are stripped[^]*?^fi\n/m, "").replace("bin/gantry.js", "bin/start.js");
}
