import { defineCommand } from "../../context.ts";
import { forEachContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[SERVICE...]",
  about: "Pause services",
  flags: {},
  operands: [0, Infinity],
  examples: [["gantry compose pause web", "one service"]],
  run: async (context, _, services) =>
    await forEachContainer(
      context,
      { services, states: ["running"], title: "Pausing" },
      async ({ client, progress, signal }, { id, name }) => {
        await client.pauseContainer(id, signal);
        progress.event({ id: `Container ${name}`, text: "Paused", status: "done" });
      },
    ),
});
