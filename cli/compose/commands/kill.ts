import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { forEachContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Force stop service containers",
  flags: {
    "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
    signal: text("string", "SIGNAL to send to the container", "s", { shownDefault: '"SIGKILL"' }),
  },
  operands: [0, Infinity],
  examples: [["gantry compose kill -s SIGHUP web", "send a signal"]],
  run: async (context, { signal: signalName }, services) =>
    await forEachContainer(
      context,
      { services, states: ["running", "paused", "restarting"], title: "Killing" },
      async ({ client, progress, signal }, { id, name }) => {
        progress.event({ id: `Container ${name}`, text: "Killing", status: "working" });
        await client.killContainer(id, signalName ?? "SIGKILL", signal);
        progress.event({ id: `Container ${name}`, text: "Killed", status: "done" });
      },
    ),
});
