import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { imageOf } from "../converge/create-body.ts";
import { imageId, pullService } from "../converge/images.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Pull service images",
  flags: {
    "ignore-buildable": bool("Ignore images that can be built"),
    "ignore-pull-failures": bool("Pull what it can and ignores images with pull failures"),
    "include-deps": bool("Also pull services declared as dependencies"),
    policy: text("string", 'Apply pull policy ("missing"|"always")'),
    quiet: bool("Pull without printing progress information", "q"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose pull", "before an up"]],
  async run(context, values, services) {
    const session = await openSession(context, {
      services,
      withDependencies: values["include-deps"],
      title: "Pulling",
      isQuiet: values.quiet,
    });
    using _ = session.progress;
    const seen = new Set<string>();
    await Promise.all(
      [...session.project.services].map(async ([name, service]) => {
        const image = imageOf(session.project, name, service);
        const isBuilt =
          service.build !== undefined && (service.image === undefined || values["ignore-buildable"]);
        if (isBuilt || seen.has(image) || service.pull_policy === "never") return;
        seen.add(image);
        const known = await imageId(session, image);
        if (known !== undefined && (values.policy ?? service.pull_policy) === "missing") return;
        await pullService(session, name, service, undefined).catch((error: unknown) => {
          if (!values["ignore-pull-failures"] && service.build === undefined) throw error;
        });
      }),
    );
    return 0;
  },
});
