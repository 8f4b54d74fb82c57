import { show } from "../../commands/inspect.ts";
import { defineCommand } from "../../context.ts";
import { text } from "../../flags.ts";
import { findMachine } from "../find.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags] MACHINE [MACHINE...]",
  about: "Shows everything the hypervisor knows about machines, as JSON or by a template.",
  flags: { format: text("string", "json or a Go template", "f"), ...apiFlags },
  operands: [1, Infinity],
  complete: ["machine"],
  examples: [
    ["gantry vm inspect --format '{{.state}} {{range .netDevs}}{{.macAddress}}{{end}}' web", "parts of it"],
  ],
  async run(context, values, names) {
    const { client } = await openHypercore(context, values);
    return await show(context, names, values.format, async (name) =>
      JSON.stringify(await findMachine(client, name, context.signal)),
    );
  },
});
