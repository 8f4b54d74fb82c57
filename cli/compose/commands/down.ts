import { bool, number, text } from "../../flags.ts";
import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { downProject } from "../converge/down.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICES]",
  about: "Stop and remove containers, networks",
  flags: {
    "remove-orphans": bool("Remove containers for services not defined in the Compose file"),
    rmi: text(
      "string",
      'Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")',
    ),
    timeout: number("int", "Specify a shutdown timeout in seconds", "t"),
    volumes: bool(
      'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
      "v",
    ),
  },
  operands: [0, Infinity],
  examples: [["gantry compose down -v", "all of it, data included"]],
  async run(context, values, services) {
    const images = values.rmi;
    if (images !== undefined && images !== "all" && images !== "local")
      throw new Exit(1, `invalid value for --rmi: "${images}"`);
    const session = await openSession(context, { canLackFiles: true });
    using _ = session.progress;
    const orphans = values["remove-orphans"] || isOn(session.project.environment["COMPOSE_REMOVE_ORPHANS"]);
    for (const name of services)
      if (!session.project.services.has(name) && session.project.services.size > 0)
        throw new Exit(1, `no such service: ${name}`);
    await downProject(session, {
      services,
      removeOrphans: orphans || session.project.services.size === 0,
      volumes: values.volumes,
      images,
      timeoutS: values.timeout,
    });
    return 0;
  },
});

function isOn(text: string | undefined): boolean {
  return text === "1" || text?.toLowerCase() === "true";
}
