import { Fault, messageOf } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { timestampOf } from "../options/time-specs.ts";

export const logs = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  about: "Shows what a container has written.",
  flags: {
    details: bool("Show what the log driver adds"),
    follow: bool("Go on with what comes", "f"),
    since: text("string", "Only from a time on: 42m, or 2026-01-02T13:23:37Z"),
    tail: text("string", "Only so many lines from the end", "n", { shownDefault: '"all"' }),
    timestamps: bool("Show when each line was written", "t"),
    until: text("string", "Only before a time"),
  },
  operands: [1, 1],
  complete: ["container"],
  examples: [
    ["gantry logs -f --tail 20 web", "the last lines, then what comes"],
    ["gantry logs -f deploy/web", "of a pod, with the flags of 'gantry kube logs'"],
  ],
  async run(context, values, [ref = ""]) {
    const { out, err, signal, now } = context;
    const engine = context.engine();
    const { Config } = await engine.inspectContainer(ref, signal);
    const time = (flag: string, spec: string | undefined) => {
      try {
        return spec === undefined || spec === "" ? undefined : timestampOf(spec, now());
      } catch (error) {
        throw new Fault("invalid", `invalid value for "${flag}": ${messageOf(error)}`);
      }
    };
    const pieces = engine.containerLogs(
      ref,
      {
        stdout: true,
        stderr: true,
        follow: values.follow,
        timestamps: values.timestamps,
        details: values.details,
        since: time("since", values.since),
        until: time("until", values.until),
        tail: values.tail ?? "all",
        isTerminal: Config.Tty,
      },
      signal,
    );
    for await (const { stream, bytes } of pieces) (stream === "stdout" ? out : err).write(bytes);
    return 0;
  },
});
