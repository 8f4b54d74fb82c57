import { defineCommand } from "../../context.ts";
import { bool } from "../../flags.ts";
import { createProject } from "../converge/create.ts";
import { startProject } from "../converge/start.ts";
import { withScales } from "../create-flags.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[SERVICE=REPLICAS...]",
  about: "Scale services",
  flags: { "no-deps": bool("Don't start linked services") },
  operands: [1, Infinity],
  examples: [["gantry compose scale web=3", "three containers"]],
  async run(context, { "no-deps": isAlone }, scales) {
    const names = scales.map((item) => item.split("=")[0] ?? "");
    const opened = await openSession(context, { services: names, withDependencies: !isAlone });
    const session = { ...opened, project: withScales(opened.project, scales) };
    using _ = session.progress;
    await createProject(session, {
      images: { build: "missing", isQuiet: true },
      services: names,
      recreate: "diverged",
      recreateDependencies: "never",
      renewAnonymous: false,
      removeOrphans: false,
      ignoreOrphans: true,
    });
    await startProject(session);
    return 0;
  },
});
