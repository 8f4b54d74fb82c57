import { Fault } from "#base/fault.ts";
import { type SbomFormat, sbomFormats } from "#engine/sbom/sbom-subject.ts";
import { writeSbom } from "#engine/sbom/write-sbom.ts";
import { defineCommand } from "../context.ts";
import { text } from "../flags.ts";
import { ownVersion } from "../own-version.ts";
import { readContents } from "../packages/read-inventory.ts";
import { writeOutput } from "../packages/write-output.ts";

export const imageSbom = defineCommand({
  isOwn: true,
  usage: "[OPTIONS] IMAGE",
  about: [
    "Writes a bill of materials: the packages of dpkg, apk and RPM, of npm and Python, and the modules of Go programs, with",
    "versions, licences where they are stated, package URLs, and the layer that brought them. The image is read, not run.",
    "The same image gives the same bytes; SOURCE_DATE_EPOCH sets the document's time (default: when the image was made).",
  ].join("\n"),
  flags: {
    format: text("FORMAT", "cyclonedx-json (1.6) or spdx-json (2.3)", undefined, {
      shownDefault: "cyclonedx-json",
      complete: [...sbomFormats],
    }),
    output: text("FILE", "File to write to, instead of standard output", "o", { complete: "file" }),
  },
  operands: [1, 1],
  complete: ["image"],
  examples: [
    ["gantry image sbom debian:bookworm", "CycloneDX to standard output"],
    ["gantry image sbom --format spdx-json -o app.spdx.json acme/app:1", "SPDX to a file"],
  ],
  async run(context, { format, output }, [name = ""]) {
    const wanted = formatOf(format);
    const time = parseSourceDate(context.env["SOURCE_DATE_EPOCH"]);
    const { digest, reference, config, inventory } = await readContents(
      context.engine(),
      name,
      context.signal,
    );
    const subject = {
      ...(reference !== undefined && { reference }),
      digest,
      architecture: config.architecture,
      os: config.os,
      layers: config.rootfs.diff_ids,
      inventory,
      time: time ?? madeAt(config.created),
      toolVersion: ownVersion,
    };
    writeOutput(context.out, writeSbom(subject, wanted), output);
    for (const { path, reason } of inventory.unread) context.err.write(`not read: /${path}: ${reason}\n`);
    return 0;
  },
});

function formatOf(format: string | undefined): SbomFormat {
  const found = sbomFormats.find((one) => one === (format ?? "cyclonedx-json"));
  if (found === undefined)
    throw new Fault("invalid", `unknown format "${format}": use ${sbomFormats.join(" or ")}`);
  return found;
}

function madeAt(created: string | undefined): number {
  const ms = Date.parse(created ?? "");
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
}

function parseSourceDate(given: string | undefined): number | undefined {
  if (given === undefined || given === "") return undefined;
  if (!/^\d{1,11}$/.test(given))
    throw new Fault("invalid", `SOURCE_DATE_EPOCH is '${given}': it must be seconds since 1970`);
  return Number(given);
}
