import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { formatItems } from "../formats/formatter.ts";
import { ellipsis, shortId } from "../formats/text.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";

interface Plugin {
  readonly Id: string;
  readonly Name: string;
  readonly Enabled: boolean;
  readonly PluginReference?: string;
  readonly Config?: { readonly Description?: string };
}

export const ls = defineCommand({
  usage: "[OPTIONS]",
  about: "Lists the engine's plugins.",
  flags: {
    filter: filterFlag(undefined, "f"),
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    "no-trunc": bool("Show everything in full"),
    quiet: bool("Show only IDs", "q"),
  },
  operands: [0, 0],
  examples: [["gantry plugin ls", "as a table"]],
  async run(context, values) {
    const isFull = values["no-trunc"];
    const plugins = (await context
      .engine()
      .listPlugins(parseFilterSpecs(values.filter), context.signal)) as readonly Plugin[];
    context.out.write(
      formatItems(
        plugins,
        {
          ID: ["ID", ({ Id }) => (isFull ? Id : shortId(Id))],
          Name: ["NAME", ({ Name }) => Name],
          Description: [
            "DESCRIPTION",
            ({ Config }) => (isFull ? (Config?.Description ?? "") : ellipsis(Config?.Description ?? "", 45)),
          ],
          Enabled: ["ENABLED", ({ Enabled }) => Enabled],
          PluginReference: ["PLUGIN REFERENCE", ({ PluginReference }) => PluginReference ?? ""],
        },
        {
          format: values.format ?? context.config().content.pluginsFormat ?? "table",
          table: "{{.ID}}\t{{.Name}}\t{{.Description}}\t{{.Enabled}}",
          isQuiet: values.quiet,
          typeName: "*formatter.pluginContext",
        },
      ),
    );
    return 0;
  },
});
