import { readSync } from "node:fs";
import { defineCommand } from "../../context.ts";
import { bool } from "../../flags.ts";
import { removeContainer, stopContainer } from "../converge/stop.ts";
import { openSession } from "../open-session.ts";
import { projectContainers } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about:
    'Removes stopped service containers\n\nBy default, anonymous volumes attached to containers will not be removed. You\ncan override this with -v. To list all volumes, use "docker volume ls".\n\nAny data which is not in a volume will be lost.',
  flags: {
    force: bool("Don't ask to confirm removal", "f"),
    stop: bool("Stop the containers, if required, before removing", "s"),
    volumes: bool("Remove any anonymous volumes attached to containers", "v"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose rm -fs web", "whatever it does"]],
  async run(context, values, services) {
    const session = await openSession(context, { canLackFiles: true, services, withDependencies: false });
    using _ = session.progress;
    const found = (await projectContainers(session, services)).filter(({ isOneoff }) => !isOneoff);
    if (values.stop)
      for (const one of found) if (one.state === "running") await stopContainer(session, one, {});
    const stopped = found.filter(({ state }) => values.stop || state !== "running");
    if (stopped.length === 0) {
      context.err.write("No stopped containers\n");
      return 0;
    }
    context.out.write(`Going to remove ${stopped.map(({ name }) => name).join(", ")}\n`);
    if (!values.force && !isConfirmed(context)) return 0;
    await Promise.all(stopped.map((one) => removeContainer(session, one, values.volumes)));
    return 0;
  },
});

function isConfirmed({ out }: Parameters<typeof command.run>[0]): boolean {
  out.write("Are you sure? [yN] ");
  const bytes = Buffer.alloc(16);
  const count = readSync(0, bytes, 0, bytes.length, null);
  return /^y(es)?$/i.test(bytes.toString("utf8", 0, count).trim());
}
