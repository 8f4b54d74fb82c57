import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { formatItems } from "../formats/formatter.ts";
import { imageColumns, imageDigestTable, imageRows, imageTable } from "../formats/images.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";

export const images = defineCommand({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  about: "Lists images, newest first.",
  flags: {
    all: bool("Show images of build steps too", "a"),
    digests: bool("Show digests"),
    filter: filterFlag(undefined, "f"),
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    "no-trunc": bool("Show IDs in full"),
    quiet: bool("Show only IDs", "q"),
  },
  operands: [0, 1],
  complete: ["image"],
  examples: [
    ["gantry images", "as a table"],
    ["gantry images --filter dangling=true -q", "IDs of those without a name"],
  ],
  async run(context, values, [reference]) {
    const filters = {
      ...parseFilterSpecs(values.filter),
      ...(reference === undefined ? {} : { reference: [reference] }),
    };
    const found = await context
      .engine()
      .listImages(context.signal, { all: values.all, filters, digests: values.digests });
    const format =
      values.format ?? (values.quiet ? undefined : context.config().content.imagesFormat) ?? "table";
    const usesDigest = values.digests || (!values.quiet && /\.Digest\b/.test(format));
    const newestFirst = found.toSorted((a, b) => b.Created - a.Created);
    context.out.write(
      formatItems(imageRows(newestFirst, usesDigest), imageColumns(values["no-trunc"], context.now()), {
        format,
        table: values.digests ? imageDigestTable : imageTable,
        isQuiet: values.quiet,
        typeName: "*formatter.imageContext",
      }),
    );
    return 0;
  },
});
