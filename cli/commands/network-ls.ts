import type { NetworkSummary } from "#client/docker-types.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { joinLabels, labelOf, naturally, shortId } from "../formats/text.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";

export const ls = defineCommand({
  usage: "[OPTIONS]",
  about: "Lists networks.",
  flags: {
    filter: filterFlag(undefined, "f"),
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    "no-trunc": bool("Show IDs in full"),
    quiet: bool("Show only IDs", "q"),
  },
  operands: [0, 0],
  examples: [["gantry network ls --filter driver=bridge", "bridges only"]],
  async run(context, values) {
    const found = await context.engine().listNetworks(parseFilterSpecs(values.filter), context.signal);
    const format =
      values.format ?? (values.quiet ? undefined : context.config().content.networksFormat) ?? "table";
    context.out.write(
      formatItems(
        found.toSorted((a, b) => naturally(a.Name, b.Name)),
        columns(values["no-trunc"]),
        {
          format,
          table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
          raw: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
          isQuiet: values.quiet,
          typeName: "*network.networkContext",
        },
      ),
    );
    return 0;
  },
});

function columns(isFull: boolean): Columns<NetworkSummary> {
  return {
    ID: ["NETWORK ID", ({ Id }) => (isFull ? Id : shortId(Id))],
    Name: ["NAME", ({ Name }) => Name],
    Driver: ["DRIVER", ({ Driver }) => Driver],
    Scope: ["SCOPE", ({ Scope }) => Scope],
    IPv4: ["IPV4", ({ EnableIPv4 }) => String(EnableIPv4 ?? false)],
    IPv6: ["IPV6", ({ EnableIPv6 }) => String(EnableIPv6)],
    Internal: ["INTERNAL", ({ Internal }) => String(Internal)],
    Labels: ["LABELS", ({ Labels }) => joinLabels(Labels)],
    Label: ["LABEL", labelOf],
    CreatedAt: ["CREATED AT", ({ Created }) => goTimeOf(Created)],
  };
}

/** Go's form of a time with nanoseconds, in UTC as networks have it. */
function goTimeOf(text: string): string {
  return text
    .replace("T", " ")
    .replace(/Z$/, " +0000 UTC")
    .replace(/([+-]\d\d):(\d\d)$/, " $1$2 UTC");
}
