import { dockerClient } from "#client/docker-client.ts";
import type { ImageSummary } from "#client/docker-types.ts";
import { defineCommand, socketOf } from "../context.ts";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatSpan } from "../output/units.ts";
import { unixTransport } from "../unix-transport.ts";

export const command = defineCommand({
  usage: "[flags]",
  about: "Lists the engine's images, newest first.",
  flags: {
    json: { kind: "bool", help: "Print a JSON object a line" },
    quiet: { kind: "bool", short: "q", help: "Print only IDs" },
    "no-trunc": { kind: "bool", help: "Print IDs in full" },
  },
  operands: [0, 0],
  examples: [
    ["gantry image ls", "as a table"],
    ["gantry image ls -q", "IDs alone"],
  ],
  async run({ out, instance, signal, now }, { json, quiet, "no-trunc": isFull }) {
    const images = await dockerClient(unixTransport(socketOf(instance))).listImages(signal);
    const idOf = ({ Id }: ImageSummary) => (isFull ? Id : Id.slice("sha256:".length).slice(0, 12));
    if (json) out.write(images.map((image) => `${JSON.stringify(image)}\n`).join(""));
    else if (quiet) out.write(images.map((image) => `${idOf(image)}\n`).join(""));
    else out.write(formatTable(["IMAGE", "ID", "SIZE", "CREATED"], rowsOf(images, idOf, now())));
    return 0;
  },
});

function rowsOf(
  images: readonly ImageSummary[],
  idOf: (image: ImageSummary) => string,
  now: Date,
): readonly (readonly string[])[] {
  return images.flatMap((image) => {
    const names = image.RepoTags === null || image.RepoTags.length === 0 ? ["<none>"] : image.RepoTags;
    const age = `${formatSpan(now.getTime() - image.Created * 1000)} ago`;
    return names.map((name) => [name, idOf(image), formatBytes(image.Size), age]);
  });
}
