import { defineCommand } from "../context.ts";
import { runEngine } from "../instance/run-engine.ts";

export const command = defineCommand({
  isOwn: true,
  usage: "[flags]",
  about: [
    "Runs the engine in the foreground. It logs JSON lines to stderr (GANTRY_LOG=debug for more).",
    "SIGTERM and SIGINT stop the engine and leave containers running; the next engine takes them over.",
  ].join("\n"),
  flags: {},
  operands: [0, 0],
  examples: [
    ["gantry engine", "serve on /run/gantry/docker.sock"],
    ["gantry engine --root /srv/g2 --run /run/g2 --bridge-cidr 10.99.0.1/16", "a second one beside it"],
  ],
  exitCodes: [
    [0, "stopped by a signal"],
    [1, "could not start, or another engine uses the same folders"],
  ],
  run: async (context) => await runEngine(context),
});
