import { isFault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { describeFailure, Exit } from "../failure.ts";
import { platformJson } from "../options/platform-spec.ts";
import { bool, list } from "../flags.ts";

export const rmi = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: "Removes names of images, and images without names.",
  flags: {
    force: bool("Even when a stopped container uses it or it has several names", "f"),
    "no-prune": bool("Keep parents without a name"),
    platform: list("strings", "Only these platforms"),
  },
  operands: [1, Infinity],
  complete: ["image"],
  examples: [["gantry rmi busybox", "its layers too when nothing else uses them"]],
  async run(context, { force, "no-prune": noPrune, platform }, names) {
    const failures: string[] = [];
    let isFatal = false;
    for (const name of names) {
      try {
        const removed = await context
          .engine()
          .removeImage(
            name,
            { force, noPrune, platforms: platform.map((spec) => platformJson(spec) ?? "") },
            context.signal,
          );
        for (const { Deleted, Untagged } of removed)
          context.out.write(Deleted ? `Deleted: ${Deleted}\n` : `Untagged: ${Untagged ?? ""}\n`);
      } catch (error) {
        context.signal.throwIfAborted();
        if (!isFault(error, "not-found")) isFatal = true;
        failures.push(describeFailure(error));
      }
    }
    if (failures.length === 0) return 0;
    const text = failures.join("\n");
    if (!force || isFatal) throw new Exit(1, text);
    context.err.write(`${text}\n`);
    return 0;
  },
});
