import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool } from "../../flags.ts";
import { createProject } from "../converge/create.ts";
import { startProject } from "../converge/start.ts";
import { watchProject } from "../converge/watch.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[SERVICE...]",
  about: "Watch build context for service and rebuild/refresh containers when files are updated",
  flags: {
    "no-up": bool("Do not build & start services before watching"),
    prune: bool("Prune dangling images on rebuild", undefined, { isOn: true }),
    quiet: bool("hide build output"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose watch", "as the files say under develop"]],
  async run(context, values, services) {
    const session = await openSession(context, { services });
    using _ = session.progress;
    const watched = [...session.project.services.values()].some(
      ({ develop }) => (develop?.watch ?? []).length > 0,
    );
    if (!watched)
      throw new Exit(
        1,
        "none of the selected services is configured for watch, consider setting a 'develop' section",
      );
    if (!values["no-up"]) {
      await createProject(session, {
        images: { build: "always", isQuiet: values.quiet },
        services: [...session.project.services.keys()],
        recreate: "diverged",
        recreateDependencies: "diverged",
        renewAnonymous: false,
        removeOrphans: false,
        ignoreOrphans: true,
      });
      await startProject(session);
    }
    await watchProject(session, (text) => context.out.write(`${text}\n`));
    return 0;
  },
});
