import { defineCommand } from "../../context.ts";
import { createProject } from "../converge/create.ts";
import { createFlags, createOptions, withScales } from "../create-flags.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Creates containers for a service",
  flags: createFlags,
  operands: [0, Infinity],
  examples: [["gantry compose create", "everything but the start"]],
  async run(context, values, services) {
    const opened = await openSession(context, { services, title: "Creating" });
    const session = { ...opened, project: withScales(opened.project, values.scale) };
    using _ = session.progress;
    await createProject(session, createOptions(session.project, values, services));
    return 0;
  },
});
