import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { describeFailure, Exit } from "../failure.ts";
import { parseRestart } from "../options/container-body.ts";
import { limitFlags } from "../options/container-flags.ts";
import { limitsOf } from "../options/limits.ts";

export const update = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Changes limits and restart policy of containers, while they run.",
  flags: limitFlags,
  operands: [1, Infinity],
  complete: ["container"],
  examples: [["gantry update -m 512m --restart always web", "more memory, and back after a reboot"]],
  async run(context, values, refs, given) {
    if (given.size === 0)
      throw new Fault("invalid", "you must provide one or more flags when using this command");
    const changes = {
      ...limitsOf(values),
      ...(values.restart === undefined ? {} : { RestartPolicy: parseRestart(values.restart) }),
    };
    const warnings: string[] = [];
    const failures: string[] = [];
    for (const ref of refs) {
      try {
        const { Warnings } = await context.engine().updateContainer(ref, changes, context.signal);
        context.out.write(`${ref}\n`);
        warnings.push(...(Warnings ?? []));
      } catch (error) {
        context.signal.throwIfAborted();
        failures.push(describeFailure(error));
      }
    }
    if (warnings.length > 0) context.out.write(`${warnings.join("\n")}\n`);
    if (failures.length > 0) throw new Exit(1, failures.join("\n"));
    return 0;
  },
});
