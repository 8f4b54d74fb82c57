import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";

const kinds = ["C", "A", "D"];

export const diff = defineCommand({
  usage: "CONTAINER",
  about: "Shows what changed in a container's files: A added, C changed, D deleted.",
  flags: {},
  operands: [1, 1],
  complete: ["container"],
  examples: [["gantry diff web", "a line for each file"]],
  async run(context, _values, [ref = ""]) {
    if (ref === "") throw new Fault("invalid", "container name cannot be empty");
    const changes = (await context.engine().containerChanges(ref, context.signal)) ?? [];
    context.out.write(changes.map(({ Kind, Path }) => `${kinds[Kind]} ${Path}\n`).join(""));
    return 0;
  },
});
