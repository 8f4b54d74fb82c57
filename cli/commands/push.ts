import { Fault } from "#base/fault.ts";
import { familiarName, formatReference, parseReference } from "#oci/reference.ts";
import { readAuth, registryOf } from "../config/registry-auth.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { platformJson } from "../options/platform-spec.ts";
import { showProgress } from "../streams/progress.ts";

export const push = defineCommand({
  usage: "[OPTIONS] NAME[:TAG]",
  about: "Sends an image to its registry.",
  flags: {
    "all-tags": bool("Send all tags of the repository", "a"),
    "disable-content-trust": bool("Skip signing", undefined, { isOn: true }),
    platform: text("string", "Send only this platform"),
    quiet: bool("Print only the image's name", "q"),
  },
  operands: [1, 1],
  complete: ["image"],
  examples: [["gantry push registry.local:5000/app:2", "after gantry tag"]],
  async run(context, values, [name = ""]) {
    const reference = parseReference(name);
    if (values["all-tags"] && reference.tag !== undefined)
      throw new Fault("invalid", "tag can't be used with --all-tags/-a");
    const isDefault = reference.tag === undefined && !values["all-tags"];
    if (isDefault && !values.quiet) context.out.write("Using default tag: latest\n");
    const tag = values["all-tags"] ? "" : (reference.tag ?? "latest");
    const auth = await readAuth(context.config(), registryOf(name));
    const platform = platformJson(values.platform);
    const messages = context
      .engine()
      .pushImage({ name: familiarName(reference), tag, platform }, auth, context.signal);
    if (!values.quiet) await showProgress(messages, context.out);
    else {
      await showProgress(messages, { ...context.out, isTerminal: false, write: () => {} });
      context.out.write(`${formatReference(tag === "" ? reference : { ...reference, tag })}\n`);
    }
    return 0;
  },
});
