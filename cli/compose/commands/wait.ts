import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool } from "../../flags.ts";
import { downProject } from "../converge/down.ts";
import { waitExit } from "../converge/wait.ts";
import { openSession } from "../open-session.ts";
import { projectContainers } from "./each-service.ts";

export const command = defineCommand({
  usage: "SERVICE [SERVICE...] [OPTIONS]",
  about: "Block until containers of all (or specified) services stop.",
  flags: { "down-project": bool("Drops project when the first container stops") },
  operands: [1, Infinity],
  examples: [["gantry compose wait job", "its exit code is ours"]],
  async run(context, { "down-project": isDown }, services) {
    const session = await openSession(context, { canLackFiles: true });
    const found = await projectContainers(session, services);
    if (found.length === 0) throw new Exit(1, `no containers for project "${session.project.name}"`);
    const exits = found.map(async ({ id, service }) => {
      const code = await waitExit(session, id);
      context.out.write(
        `container "${id}" of service "${service}" exited with status ${code}\n`.replace(/^.*status /, ""),
      );
      return code;
    });
    const codes = isDown ? [await Promise.race(exits)] : await Promise.all(exits);
    if (isDown) await downProject(session, { services: [], removeOrphans: false, volumes: false });
    return codes.find((code) => code !== 0) ?? 0;
  },
});
