import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool, number } from "../../flags.ts";
import { containersOf, observe, type Observed } from "../converge/observe.ts";
import { runDockerVerb } from "../engine/docker-verb.ts";
import { openSession } from "../open-session.ts";
import type { Session } from "../session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\nSRC_PATH|- SERVICE:DEST_PATH",
  about: "Copy files/folders between a service container and the local filesystem",
  flags: {
    all: bool("Include containers created by the run command"),
    archive: bool("Archive mode (copy all uid/gid information)", "a"),
    "follow-link": bool("Always follow symbol link in SRC_PATH", "L"),
    index: number("int", "Index of the container if service has multiple replicas"),
  },
  operands: [2, 2],
  examples: [["gantry compose cp web:/etc/hosts .", "out of a container"]],
  async run(context, values, [from = "", to = ""]) {
    const session = await openSession(context, { canLackFiles: true });
    const [source, target] = [serviceIn(from), serviceIn(to)];
    if (source !== undefined && target !== undefined)
      throw new Exit(1, "copying between services is not supported");
    if (source === undefined && target === undefined) throw new Exit(1, "unknown copy direction");
    const found = await containers(session, source ?? target ?? "", values);
    const flags = [
      ...(values.archive ? ["--archive"] : []),
      ...(values["follow-link"] ? ["--follow-link"] : []),
    ];
    for (const { id } of source === undefined ? found : found.slice(0, 1)) {
      const at = (path: string) => `${id}${path.slice(path.indexOf(":"))}`;
      const words = source === undefined ? [from, at(to)] : [at(from), to];
      const code = await runDockerVerb(context, "cp", [...flags, "--", ...words]);
      if (code !== 0) return code;
    }
    return 0;
  },
});

function serviceIn(path: string): string | undefined {
  return /^([^/.][^/:]*):/.exec(path)?.[1];
}

async function containers(
  session: Session,
  service: string,
  values: { readonly all: boolean; readonly index: number | undefined },
): Promise<readonly Observed[]> {
  const all = await observe(session, session.project.name);
  const own = values.all ? all.filter((one) => one.service === service) : containersOf(all, service);
  const found = own.filter(({ number: one }) => values.index === undefined || one === values.index);
  if (found.length === 0) throw new Exit(1, `no container found for service "${service}"`);
  return found;
}
