import { defineCommand } from "../../context.ts";
import { bool, number } from "../../flags.ts";
import { directDependents } from "../converge/graph.ts";
import { openProjectOrName } from "../open-project.ts";
import { groupValuesOf } from "../open-session.ts";
import { forEachContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Restart service containers",
  flags: {
    "no-deps": bool("Don't restart dependent services"),
    timeout: number("int", "Specify a shutdown timeout in seconds", "t"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose restart web", "and what asks to be restarted with it"]],
  async run(context, { timeout, "no-deps": isAlone }, services) {
    const project = await openProjectOrName(context, groupValuesOf(context));
    const wanted = new Set(services);
    for (const name of isAlone ? [] : services)
      for (const other of directDependents(project.services, name))
        if (project.services.get(other)?.depends_on?.get(name)?.restart === true) wanted.add(other);
    return await forEachContainer(
      context,
      { services: [...wanted], title: "Restarting" },
      async ({ client, progress, signal }, { id, name }) => {
        progress.event({ id: `Container ${name}`, text: "Restarting", status: "working" });
        await client.restartContainer(id, { timeoutS: timeout }, signal);
        progress.event({ id: `Container ${name}`, text: "Started", status: "done" });
      },
    );
  },
});
