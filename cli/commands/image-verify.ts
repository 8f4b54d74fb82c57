import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { bool } from "../flags.ts";

export const imageVerify = defineCommand({
  isOwn: true,
  usage: "--all | IMAGE [IMAGE...]",
  about: [
    "Reads images whole and tells what is not as it came: record, blobs, unpacked layers.",
    "An altered image is refused from then on, until it is sound again or was removed and loaded anew.",
  ].join("\n"),
  flags: { all: bool("All images", "a") },
  operands: [0, Infinity],
  complete: ["image"],
  examples: [["gantry image verify --all", "what the scrubber does once a week, now"]],
  exitCodes: [
    [0, "all of them are sound"],
    [1, "at least one is not"],
  ],
  async run(context, { all }, names) {
    if (all === names.length > 0) throw new Fault("invalid", "name images, or give --all");
    const engine = context.engine();
    const wanted = all
      ? (await engine.listImages(context.signal, { all: true })).map(
          (image) => image.RepoTags?.[0] ?? image.Id,
        )
      : names;
    let isSound = true;
    for (const name of wanted) {
      const path = `/images/${name.split("/").map(encodeURIComponent).join("/")}/verify`;
      const { Problems } = await engine.api.json<{ readonly Problems: readonly string[] }>(
        "GET",
        path,
        {},
        context.signal,
      );
      isSound &&= Problems.length === 0;
      context.out.write(`${name}: ${Problems.length === 0 ? "sound" : "ALTERED"}\n`);
      for (const problem of Problems) context.out.write(`  ${problem}\n`);
    }
    return isSound ? 0 : 1;
  },
});
