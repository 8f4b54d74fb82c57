import { defineCommand } from "../context.ts";
import { bool, number, text } from "../flags.ts";
import { containerColumns, containerRaw, containerTable } from "../formats/containers.ts";
import { formatItems } from "../formats/formatter.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";

export const ps = defineCommand({
  usage: "[OPTIONS]",
  about: "Lists containers: those that run, unless more is asked for.",
  flags: {
    all: bool("Show all, not only those that run", "a"),
    filter: filterFlag(undefined, "f"),
    format: text("string", "table, table TEMPLATE, json, raw or a Go template"),
    last: number("int", "Show the newest so many, in any state", "n", { shownDefault: "-1" }),
    latest: bool("Show the newest one, in any state", "l"),
    "no-trunc": bool("Show everything in full"),
    quiet: bool("Show only IDs", "q"),
    size: bool("Show sizes", "s"),
  },
  operands: [0, 0],
  examples: [
    ["gantry ps -a", "those that have ended too"],
    ["gantry ps -q --filter status=exited", "IDs of those that have ended"],
    ["gantry ps --format '{{.Names}}: {{.Status}}'", "what you like"],
  ],
  async run(context, values) {
    const { out, signal, now } = context;
    const format = values.format ?? (values.quiet ? undefined : context.config().content.psFormat) ?? "table";
    if (values.quiet && values.format !== undefined && values.format !== "table")
      context.err.write("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
    const limit = values.latest ? 1 : (values.last ?? -1);
    const containers = await context.engine().listContainers(
      {
        all: values.all || values.latest || (values.last ?? -1) > 0,
        limit: limit > 0 ? limit : undefined,
        size: values.size || (!values.quiet && /\.Size\b/.test(format)),
        filters: parseFilterSpecs(values.filter),
      },
      signal,
    );
    out.write(
      formatItems(containers, containerColumns(values["no-trunc"], now()), {
        format: values.quiet ? "table" : format,
        table: values.size ? `${containerTable}\t{{.Size}}` : containerTable,
        raw: values.size ? `${containerRaw}size: {{.Size}}\n` : containerRaw,
        isQuiet: values.quiet,
        typeName: "*formatter.ContainerContext",
      }),
    );
    return 0;
  },
});
