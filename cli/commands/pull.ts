import { Fault } from "#base/fault.ts";
import { familiarName, formatReference, parseReference, withDefaultTag } from "#oci/reference.ts";
import { readAuth, registryOf } from "../config/registry-auth.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { showProgress } from "../streams/progress.ts";
import { pullImage } from "../streams/pull-image.ts";

export const pull = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  about: "Gets an image from its registry.",
  flags: {
    "all-tags": bool("Get all tags of the repository", "a"),
    "disable-content-trust": bool("Skip the check of an image's signature", undefined, { isOn: true }),
    platform: text("string", "Platform to get, e.g. linux/arm64"),
    quiet: bool("Print only the image's name", "q"),
  },
  operands: [1, 1],
  complete: ["image"],
  examples: [["gantry pull registry.local:5000/app:2", "from a registry of your own"]],
  async run(context, values, [name = ""]) {
    const reference = parseReference(name);
    const isBare = reference.tag === undefined && reference.digest === undefined;
    if (values["all-tags"] && !isBare) throw new Fault("invalid", "tag can't be used with --all-tags/-a");
    const platform = values.platform ?? context.env["DOCKER_DEFAULT_PLATFORM"];
    if (values["all-tags"]) {
      const auth = await readAuth(context.config(), registryOf(name));
      const image = { name: familiarName(reference), tag: "", platform };
      await showProgress(context.engine().pullImage(image, auth, context.signal), context.out);
      return 0;
    }
    if (isBare && !values.quiet) context.out.write("Using default tag: latest\n");
    await pullImage(context, name, { platform, quiet: values.quiet, out: context.out });
    context.out.write(`${formatReference(withDefaultTag(reference))}\n`);
    return 0;
  },
});
