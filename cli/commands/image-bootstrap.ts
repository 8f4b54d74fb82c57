import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Fault } from "#base/fault.ts";
import { dockerClient } from "#client/docker-client.ts";
import { imageNames, type MadeImage, makeImage, referenceOf } from "../bootstrap/make-image.ts";
import { parseSourceDate } from "../bootstrap/source-date.ts";
import { type Context, defineCommand, socketOf } from "../context.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatElapsed } from "../output/units.ts";
import { unixTransport } from "../unix-transport.ts";

export const command = defineCommand({
  isOwn: true,
  needsNode: true,
  usage: "[flags] NAME...",
  about: [
    "Makes base images from Debian's packages, without a registry, and loads them into the engine. The same packages",
    "give the same image, byte for byte. SOURCE_DATE_EPOCH sets the latest time in it (default: the newest package's).",
    "",
    formatTable(
      [],
      imageNames.map(([name, summary]) => [`  ${name}`, summary]),
    ).trimEnd(),
  ].join("\n"),
  flags: {
    "if-missing": { kind: "bool", help: "Do nothing for an image that the engine has" },
    output: {
      kind: "text",
      short: "o",
      value: "FILE",
      help: "Write an archive for 'docker load' instead of loading it",
    },
  },
  operands: [1, Infinity],
  examples: [
    ["gantry image bootstrap busybox", "then: docker run -it --rm busybox"],
    ["gantry image bootstrap static base debian:bookworm", "several"],
    ["gantry image bootstrap -o static.tar static", "no engine needed"],
  ],
  async run(context, { "if-missing": ifMissing, output }, names) {
    const wanted = new Map(names.map((name) => [name, referenceOf(name)]));
    if (output !== undefined && wanted.size > 1) throw new Fault("invalid", "--output takes one image");
    const present = ifMissing ? await presentImages(context) : new Set<string>();
    for (const [name, reference] of wanted) {
      if (present.has(reference)) context.out.write(`${reference} is there\n`);
      else await make(context, name, output);
    }
    return 0;
  },
});

async function presentImages({ instance, signal }: Context): Promise<ReadonlySet<string>> {
  const images = await dockerClient(unixTransport(socketOf(instance))).listImages(signal);
  return new Set(images.flatMap(({ RepoTags }) => RepoTags ?? []));
}

async function make(context: Context, name: string, output: string | undefined): Promise<void> {
  const { env, instance, out, signal } = context;
  const before = performance.now();
  const sourceDate = parseSourceDate(env["SOURCE_DATE_EPOCH"]);
  await using image = await makeImage(name, {
    folder: join(instance.root, "bootstrap"),
    architecture: ownArchitecture(),
    ...(sourceDate === undefined ? {} : { sourceDate }),
    signal,
  });
  if (output !== undefined) await writeArchive(image, output, signal);
  else await dockerClient(unixTransport(socketOf(instance))).loadImage(image.stream(), signal);
  const { archive, layer, reference } = image;
  out.write(
    `${out.bold(reference)}  ${archive.id}  ${formatBytes(layer.size)} compressed, ${formatBytes(layer.unpackedSize)} unpacked  ${out.dim(`(${formatElapsed(performance.now() - before)})`)}\n`,
  );
}

/** Whole or not at all. */
async function writeArchive(image: MadeImage, path: string, signal: AbortSignal): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await pipeline(image.stream(), createWriteStream(temporary), { signal });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function ownArchitecture(): "amd64" | "arm64" {
  switch (arch()) {
    case "x64":
      return "amd64";
    case "arm64":
      return "arm64";
    default:
      throw new Fault("precondition", `images can be made on amd64 and arm64, not on ${arch()}`);
  }
}
