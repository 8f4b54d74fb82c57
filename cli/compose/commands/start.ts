import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool, number } from "../../flags.ts";
import { containersOf, observe } from "../converge/observe.ts";
import { startProject } from "../converge/start.ts";
import { waitHealthy } from "../converge/wait.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[SERVICE...]",
  about: "Start services",
  flags: {
    wait: bool("Wait for services to be running|healthy"),
    "wait-timeout": number("int", "Maximum duration in seconds to wait"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose start", "what has been created or stopped"]],
  async run(context, { wait }, services) {
    const session = await openSession(context, { services, title: "Starting" });
    using _ = session.progress;
    const { project } = session;
    const all = await observe(session, project.name);
    for (const [name, service] of project.services)
      if (containersOf(all, name).length === 0 && (service.scale ?? service.deploy?.replicas ?? 1) > 0)
        throw new Exit(1, `service "${name}" has no container to start`);
    await startProject(session);
    if (wait)
      await Promise.all(
        [...project.services.keys()]
          .flatMap((name) => containersOf(all, name))
          .map((one) => waitHealthy(session, one, { orRunning: true })),
      );
    return 0;
  },
});
