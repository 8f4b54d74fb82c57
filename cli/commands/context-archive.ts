import { createReadStream, existsSync, openSync, closeSync, writeSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { bytesOfText, type TarEntry } from "#oci/tar/entry.ts";
import { TarReader } from "#oci/tar/reader.ts";
import { defineCommand } from "../context.ts";
import {
  type ContextMeta,
  hasContext,
  readMeta,
  readTlsFiles,
  writeContext,
} from "../contexts/context-store.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { packBytes } from "../streams/pack-tree.ts";
import { standardInput } from "./archives.ts";
import { checkName } from "./context.ts";

export const exportContext = defineCommand({
  usage: "CONTEXT [FILE|-]",
  about:
    "Writes a context with its keys to a tar archive, CONTEXT.dockercontext unless another file is named.",
  flags: {},
  operands: [1, 2],
  complete: ["context", "file"],
  examples: [["gantry context export far", "to far.dockercontext"]],
  async run(context, _values, [name = "", target = `${name}.dockercontext`]) {
    checkName(name);
    const meta = readMeta(context, name);
    const files = Object.entries(readTlsFiles(context, name));
    const pieces = [
      ...packBytes("meta.json", Buffer.from(JSON.stringify(meta))),
      ...files.flatMap(([file, content]) => packBytes(`tls/docker/${file}`, Buffer.from(content))),
      new Uint8Array(1024),
    ];
    if (target === "-") {
      if (isTerminalDevice(1))
        throw new Fault("invalid", "cowardly refusing to export to a terminal, specify a file path");
      for (const piece of pieces) context.out.write(piece);
      return 0;
    }
    if (existsSync(target)) throw new Fault("conflict", `open ${target}: file exists`);
    const file = openSync(target, "wx", 0o600);
    for (const piece of pieces) writeSync(file, piece);
    closeSync(file);
    context.err.write(`Written file ${JSON.stringify(target)}\n`);
    return 0;
  },
});

const largestBytes = 10 << 20;

export const importContext = defineCommand({
  usage: "CONTEXT FILE|-",
  about: "Reads a context from a tar archive that export wrote.",
  flags: {},
  operands: [2, 2],
  complete: [[], "file"],
  examples: [["gantry context import far far.dockercontext", "under any name"]],
  async run(context, _values, [name = "", source = ""]) {
    checkName(name);
    if (hasContext(context, name))
      throw new Fault("conflict", `context ${JSON.stringify(name)} already exists`);
    if (source !== "-" && !existsSync(source))
      throw new Fault("not-found", `open ${source}: no such file or directory`);
    const files = await readFiles(source === "-" ? standardInput() : createReadStream(source));
    const text = files.get("meta.json");
    if (text === undefined) throw new Fault("invalid", "invalid context: no metadata found");
    const meta = JSON.parse(text) as ContextMeta;
    const tls = [...files]
      .filter(([path]) => /^tls\/docker\/(ca|cert|key)\.pem$/.test(path))
      .map(([path, content]) => [path.slice("tls/docker/".length), content]);
    writeContext(context, { ...meta, Name: name }, Object.fromEntries(tls));
    context.out.write(`${name}\n`);
    context.err.write(`Successfully imported context ${JSON.stringify(name)}\n`);
    return 0;
  },
});

async function readFiles(archive: AsyncIterable<Uint8Array>): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  let path = "";
  let chunks: Uint8Array[] = [];
  let total = 0;
  const reader = new TarReader({
    entry(entry: TarEntry) {
      path = Buffer.from(bytesOfText(entry.path)).toString().replaceAll("\\", "/");
      chunks = [];
    },
    data(bytes) {
      total += bytes.length;
      if (total > largestBytes) throw new Fault("invalid", "read exceeds the defined limit");
      chunks.push(Uint8Array.from(bytes));
    },
    endEntry() {
      files.set(path, Buffer.concat(chunks).toString());
    },
  });
  for await (const chunk of archive) reader.write(chunk);
  return files;
}
