import { defineCommand } from "../../context.ts";
import { forEachContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[SERVICE...]",
  about: "Unpause services",
  flags: {},
  operands: [0, Infinity],
  examples: [["gantry compose unpause web", "one service"]],
  run: async (context, _, services) =>
    await forEachContainer(
      context,
      { services, states: ["paused"], title: "Unpausing" },
      async ({ client, progress, signal }, { id, name }) => {
        await client.unpauseContainer(id, signal);
        progress.event({ id: `Container ${name}`, text: "Unpaused", status: "done" });
      },
    ),
});
