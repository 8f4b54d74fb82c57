import { familiarName, parseReference } from "#oci/reference.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { defineCommand } from "../context.ts";

export const tag = defineCommand({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  about: "Gives an image one more name.",
  flags: {},
  operands: [2, 2],
  complete: ["image", "image"],
  examples: [["gantry tag busybox registry.local:5000/busybox:1", "then push it"]],
  async run(context, _values, [source = "", target = ""]) {
    const reference = parseTarget(target);
    if (reference.digest !== undefined)
      throw new Fault("invalid", "refusing to create a tag with a digest reference");
    const { tag: name = "latest", ...rest } = reference;
    await context.engine().tagImage(source, familiarName(rest), name, context.signal);
    return 0;
  },
});

function parseTarget(text: string) {
  try {
    return parseReference(text);
  } catch (error) {
    throw new Fault(
      "invalid",
      `Error parsing reference: ${JSON.stringify(text)} is not a valid repository/tag: ${messageOf(error)}`,
    );
  }
}
