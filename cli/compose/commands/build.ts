import { defineCommand } from "../../context.ts";
import { bool, list, text } from "../../flags.ts";
import { buildService } from "../converge/build.ts";
import { inDependencyOrder } from "../converge/graph.ts";
import { pushImage } from "../converge/image-stream.ts";
import { parseBytes } from "../load/quantities.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Build or rebuild services",
  flags: {
    "build-arg": list("stringArray", "Set build-time variables for services"),
    memory: text("bytes", "Set memory limit for the build container", "m"),
    "no-cache": bool("Do not use cache when building the image"),
    pull: bool("Always attempt to pull a newer version of the image"),
    push: bool("Push service images"),
    quiet: bool("Suppress the build output", "q"),
    "with-dependencies": bool("Also build dependencies (transitively)"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose build --pull web", "on the newest base"]],
  async run(context, values, services) {
    const session = await openSession(context, {
      services,
      withDependencies: values["with-dependencies"],
      title: "Building",
    });
    using _ = session.progress;
    await inDependencyOrder(session.project.services, async (name) => {
      const service = session.project.services.get(name);
      if (service?.build === undefined) return;
      await buildService(session, name, service, {
        isQuiet: values.quiet,
        noCache: values["no-cache"],
        pull: values.pull,
        args: values["build-arg"],
        ...(values.memory === undefined ? {} : { memory: parseBytes(values.memory) }),
      });
      if (!values.push || service.image === undefined) return;
      await pushImage(session, service.image);
    });
    return 0;
  },
});
