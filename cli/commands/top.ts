import { defineCommand } from "../context.ts";
import { alignTop } from "../formats/top.ts";

export const top = defineCommand({
  usage: "CONTAINER [ps OPTIONS]",
  about: "Shows the processes of a container, as ps on the host sees them.",
  flags: {},
  operands: [1, Infinity],
  flagsFirst: true,
  complete: ["running-container", []],
  examples: [["gantry top web -o pid,comm", "columns of your choice"]],
  async run(context, _values, [ref = "", ...args]) {
    const { Titles, Processes } = await context
      .engine()
      .topContainer(ref, args.length === 0 ? undefined : args.join(" "), context.signal);
    context.out.write(alignTop([Titles, ...(Processes ?? [])]));
    return 0;
  },
});
