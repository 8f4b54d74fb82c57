import type { ImageHistoryItem } from "#client/docker-types.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { ellipsis, rfc3339, shortId, timeAgo } from "../formats/text.ts";
import { platformJson } from "../options/platform-spec.ts";
import { formatBytes3 } from "../output/units.ts";

export const history = defineCommand({
  usage: "[OPTIONS] IMAGE",
  about: "Shows the steps an image was made of, the last one first.",
  flags: {
    format: text("string", "table, table TEMPLATE, json or a Go template"),
    human: bool("Show sizes and times for people", "H", { isOn: true }),
    "no-trunc": bool("Show everything in full"),
    platform: text("string", "Platform to show"),
    quiet: bool("Show only IDs", "q"),
  },
  operands: [1, 1],
  complete: ["image"],
  examples: [["gantry history --no-trunc busybox", "with whole commands"]],
  async run(context, values, [name = ""]) {
    const items = await context
      .engine()
      .imageHistory(name, { platform: platformJson(values.platform) }, context.signal);
    context.out.write(
      formatItems(items, columns(values["no-trunc"], values.human, context.now()), {
        format: values.format ?? "table",
        table: values.human
          ? "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
          : "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        isQuiet: values.quiet,
        typeName: "*formatter.historyContext",
      }),
    );
    return 0;
  },
});

function columns(isFull: boolean, isHuman: boolean, now: Date): Columns<ImageHistoryItem> {
  return {
    ID: ["IMAGE", ({ Id }) => (isFull ? Id : shortId(Id))],
    CreatedSince: [
      "CREATED",
      ({ Created }) =>
        isHuman ? (Created <= -62135596800 ? "N/A" : timeAgo(Created, now)) : rfc3339(Created),
    ],
    CreatedAt: ["CREATED AT", ({ Created }) => rfc3339(Created)],
    CreatedBy: [
      "CREATED BY",
      ({ CreatedBy }) => {
        const line = CreatedBy.replaceAll("\t", " ");
        return isFull ? line : ellipsis(line, 45);
      },
    ],
    Size: ["SIZE", ({ Size }) => (isHuman ? formatBytes3(Size) : String(Size))],
    Comment: ["COMMENT", ({ Comment }) => Comment],
  };
}
