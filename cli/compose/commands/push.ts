import { defineCommand } from "../../context.ts";
import { bool } from "../../flags.ts";
import { imageOf } from "../converge/create-body.ts";
import { pushImage } from "../converge/image-stream.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Push service images",
  flags: {
    "ignore-push-failures": bool("Push what it can and ignores images with push failures"),
    "include-deps": bool("Also push images of services declared as dependencies"),
    quiet: bool("Push without printing progress information", "q"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose push", "what has been built"]],
  async run(context, values, services) {
    const session = await openSession(context, {
      services,
      withDependencies: values["include-deps"],
      title: "Pushing",
      isQuiet: values.quiet,
    });
    using _ = session.progress;
    for (const [name, service] of session.project.services) {
      if (service.build === undefined || service.image === undefined) continue;
      session.progress.event({ id: name, text: "Pushing", status: "working", isNote: true });
      try {
        await pushImage(session, imageOf(session.project, name, service));
        session.progress.event({ id: name, text: "Pushed", status: "done", isNote: true });
      } catch (error) {
        session.progress.event({ id: name, text: "Error", status: "error", isNote: true });
        if (!values["ignore-push-failures"]) throw error;
      }
    }
    return 0;
  },
});
