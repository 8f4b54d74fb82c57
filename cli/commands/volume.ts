import type { VolumeSummary } from "#client/docker-types.ts";
import { defineCommand } from "../context.ts";
import { bool, list, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { joinLabels, labelOf, naturally } from "../formats/text.ts";
import { keyValues } from "../options/environment.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";
import { formatBytes3 } from "../output/units.ts";
import { forEachName } from "./each-container.ts";
import { Fault } from "#base/fault.ts";

export const create = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  about: "Creates a volume and prints its name.",
  flags: {
    driver: text("string", "Volume driver", "d", { shownDefault: '"local"' }),
    label: list("list", "A label, KEY[=VALUE]"),
    name: text("string", "The volume's name", undefined, { hidden: true }),
    opt: list("map", "An option of the driver, KEY=VALUE", "o", { shownDefault: "map[]" }),
  },
  operands: [0, 1],
  examples: [
    ["gantry volume create data", "an empty one"],
    ["gantry volume create -o type=tmpfs -o device=tmpfs cache", "in memory"],
  ],
  async run(context, values, [operand]) {
    if (operand !== undefined && values.name !== undefined)
      throw new Fault(
        "invalid",
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    const created = await context.engine().createVolume(
      {
        Driver: values.driver ?? "local",
        DriverOpts: keyValues(values.opt),
        Labels: keyValues(values.label),
        ...(operand === undefined && values.name === undefined ? {} : { Name: operand ?? values.name }),
      },
      context.signal,
    );
    context.out.write(`${created.Name}\n`);
    return 0;
  },
});

export const ls = defineCommand({
  usage: "[OPTIONS]",
  about: "Lists volumes.",
  flags: {
    filter: filterFlag(undefined, "f"),
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    quiet: bool("Show only names", "q"),
  },
  operands: [0, 0],
  examples: [["gantry volume ls -f dangling=true", "those that no container uses"]],
  async run(context, values) {
    const { Volumes } = await context.engine().listVolumes(parseFilterSpecs(values.filter), context.signal);
    const format =
      values.format ?? (values.quiet ? undefined : context.config().content.volumesFormat) ?? "table";
    context.out.write(
      formatItems(
        (Volumes ?? []).toSorted((a, b) => naturally(a.Name, b.Name)),
        volumeColumns,
        {
          format,
          table: "{{.Driver}}\t{{.Name}}",
          raw: "name: {{.Name}}\ndriver: {{.Driver}}\n",
          isQuiet: values.quiet,
          quiet: "{{.Name}}",
          typeName: "*formatter.volumeContext",
        },
      ),
    );
    return 0;
  },
});

const notKnown = "N/A";

/** What lists show of a volume. */
export const volumeColumns: Columns<VolumeSummary> = {
  Name: ["VOLUME NAME", ({ Name }) => Name],
  Driver: ["DRIVER", ({ Driver }) => Driver],
  Scope: ["SCOPE", ({ Scope }) => Scope],
  Mountpoint: ["MOUNTPOINT", ({ Mountpoint }) => Mountpoint],
  Labels: ["LABELS", ({ Labels }) => joinLabels(Labels)],
  Label: ["LABEL", labelOf],
  Links: ["LINKS", ({ UsageData }) => (UsageData ? String(UsageData.RefCount) : notKnown)],
  Size: ["SIZE", ({ UsageData }) => (UsageData ? formatBytes3(UsageData.Size) : notKnown)],
  Group: ["GROUP", () => notKnown],
  Availability: ["AVAILABILITY", () => notKnown],
  Status: ["STATUS", () => notKnown],
};

export const rm = defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  about: "Removes volumes that no container uses.",
  flags: { force: bool("Do not mind what is not there", "f") },
  operands: [1, Infinity],
  complete: ["volume"],
  examples: [["gantry volume rm data", "what was in it is gone"]],
  run: async (context, { force }, names) =>
    await forEachName(context, names, async (name) => {
      await context.engine().removeVolume(name, force, context.signal);
      return undefined;
    }),
});
