import { createReadStream, existsSync, lstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { bool, list, text } from "../flags.ts";
import { platformJson } from "../options/platform-spec.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { showProgress } from "../streams/progress.ts";
import { repositoryAndTag } from "./commit.ts";

const output = text("string", "File to write to, instead of standard output", "o", { complete: "file" });

export const save = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: "Writes images to an archive that load reads.",
  flags: { output, platform: text("string", "Only this platform") },
  operands: [1, Infinity],
  complete: ["image"],
  examples: [["gantry save busybox | gzip >busybox.tar.gz", "or with -o FILE"]],
  async run(context, values, names) {
    refuseTerminal(values.output);
    checkFolder(values.output, "save image");
    const platform = platformJson(values.platform);
    const bytes = await context.engine().saveImages(names, { platform }, context.signal);
    await writeOut(context, bytes, values.output);
    return 0;
  },
});

export const exportContainer = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  about: "Writes a container's files as a tar archive.",
  flags: { output },
  operands: [1, 1],
  complete: ["container"],
  examples: [["gantry export web | tar t", "what is in it"]],
  async run(context, values, [ref = ""]) {
    refuseTerminal(values.output);
    checkFolder(values.output, "export container");
    await writeOut(context, await context.engine().exportContainer(ref, context.signal), values.output);
    return 0;
  },
});

export const load = defineCommand({
  usage: "[OPTIONS]",
  about: "Loads images from an archive that save wrote.",
  flags: {
    input: text("string", "File to read, instead of standard input", "i", { complete: "file" }),
    platform: text("string", "Only this platform"),
    quiet: bool("Do not show progress", "q"),
  },
  operands: [0, 0],
  examples: [["gantry load -i busybox.tar", "plain or compressed"]],
  async run(context, values) {
    if (values.input === undefined && isTerminalDevice(0))
      throw new Fault("invalid", "requested load from stdin, but stdin is empty");
    const archive = values.input === undefined ? standardInput() : readFile(values.input);
    const platform = platformJson(values.platform);
    const quiet = values.quiet || !context.out.isTerminal;
    await showProgress(
      context.engine().loadImages(archive, { quiet, platform }, context.signal),
      context.out,
    );
    return 0;
  },
});

export const importImage = defineCommand({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  about: "Makes an image of a tar archive of files and prints its ID.",
  flags: {
    change: list("list", "A Dockerfile instruction to apply", "c"),
    message: text("string", "What it is", "m"),
    platform: text("string", "The image's platform"),
  },
  operands: [1, 2],
  complete: ["file", "image"],
  examples: [["gantry export web | gantry import - web:flat", "one layer out of many"]],
  async run(context, values, [source = "", name]) {
    const isUrl = /^https?:\/\//.test(source);
    const archive = isUrl ? undefined : source === "-" ? standardInput() : readFile(source);
    const { repo, tag } = name === undefined ? { repo: undefined, tag: undefined } : repositoryAndTag(name);
    await showProgress(
      context.engine().importImage(
        archive,
        {
          changes: values.change,
          fromSrc: isUrl ? source : "-",
          message: values.message,
          platform: values.platform ?? context.env["DOCKER_DEFAULT_PLATFORM"],
          repo,
          tag,
        },
        context.signal,
      ),
      context.out,
    );
    return 0;
  },
});

/** A file as a stream. @throws {Fault} `not-found` with Docker's text */
function readFile(path: string): AsyncIterable<Uint8Array> {
  if (!existsSync(path)) throw new Fault("not-found", `open ${path}: no such file or directory`);
  return createReadStream(path, { highWaterMark: 1 << 18 });
}

export async function* standardInput(): AsyncGenerator<Uint8Array> {
  yield* createReadStream("", {
    fd: 0,
    autoClose: false,
    highWaterMark: 1 << 18,
  }) as AsyncIterable<Uint8Array>;
}

function refuseTerminal(path: string | undefined): void {
  if (path === undefined && isTerminalDevice(1))
    throw new Fault("invalid", "cowardly refusing to save to a terminal. Use the -o flag or redirect");
}

function checkFolder(path: string | undefined, what: string): void {
  if (path === undefined) return;
  const folder = dirname(path);
  if (!existsSync(folder))
    throw new Fault(
      "invalid",
      `failed to ${what}: invalid output path: stat ${folder}: no such file or directory`,
    );
  if (existsSync(path) && lstatSync(path).isDirectory())
    throw new Fault(
      "invalid",
      `failed to ${what}: invalid output path: ${JSON.stringify(path)} is a directory`,
    );
}

/** To standard output, or to a file that is there whole or not at all. */
async function writeOut(
  { out }: Context,
  bytes: AsyncIterable<Uint8Array>,
  path: string | undefined,
): Promise<void> {
  if (path === undefined) {
    for await (const chunk of bytes) out.write(chunk);
    return;
  }
  const isDevice = existsSync(path) && !lstatSync(path).isFile() && !lstatSync(path).isSymbolicLink();
  const target = isDevice ? path : join(dirname(path), `.tmp-${basename(path)}${process.pid}`);
  try {
    const file = openSync(target, "w", 0o600);
    for await (const chunk of bytes) for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
    if (!isDevice) renameSync(target, path);
  } catch (error) {
    if (!isDevice) rmSync(target, { force: true });
    throw error;
  }
}
