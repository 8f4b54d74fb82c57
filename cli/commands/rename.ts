import { Fault } from "#base/fault.ts";
import { describeFailure, Exit } from "../failure.ts";
import { defineCommand } from "../context.ts";

export const rename = defineCommand({
  usage: "CONTAINER NEW_NAME",
  about: "Gives a container another name.",
  flags: {},
  operands: [2, 2],
  complete: ["container", []],
  examples: [["gantry rename web old-web", "while it runs, too"]],
  async run(context, _values, [from = "", to = ""]) {
    const [before, after] = [from.trim(), to.trim()];
    if (before === "" || after === "")
      throw new Fault("invalid", "Error: Neither old nor new names may be empty");
    try {
      await context.engine().renameContainer(before, after, context.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      throw new Exit(1, `${describeFailure(error)}\nError: failed to rename container named ${before}`);
    }
    return 0;
  },
});
