import { defineCommand } from "../../context.ts";
import { number } from "../../flags.ts";
import { stopContainer } from "../converge/stop.ts";
import { forEachContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Stop services",
  flags: { timeout: number("int", "Specify a shutdown timeout in seconds", "t") },
  operands: [0, Infinity],
  examples: [["gantry compose stop", "all of them"]],
  run: async (context, { timeout }, services) =>
    await forEachContainer(
      context,
      { services, isReversed: true, states: ["running", "paused", "restarting"], title: "Stopping" },
      async (session, container) => await stopContainer(session, container, { timeoutS: timeout }),
    ),
});
