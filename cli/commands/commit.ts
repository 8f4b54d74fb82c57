import { familiarName, parseReference } from "#oci/reference.ts";
import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { bool, list, text } from "../flags.ts";

export const commit = defineCommand({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  about: "Makes an image of a container's changes and prints its ID.",
  flags: {
    author: text("string", "Who made it", "a"),
    change: list("list", "A Dockerfile instruction to apply, e.g. 'CMD [\"sh\"]'", "c"),
    message: text("string", "What was done", "m"),
    pause: bool("Pause the container meanwhile", "p", { isOn: true }),
  },
  operands: [1, 2],
  complete: ["container", "image"],
  examples: [['gantry commit -c \'CMD ["httpd", "-f"]\' web my/web:2', "with another command"]],
  async run(context, values, [container = "", name]) {
    const { repo, tag } = name === undefined ? { repo: "", tag: "" } : repositoryAndTag(name);
    const id = await context.engine().commitContainer(
      {
        author: values.author ?? "",
        changes: values.change,
        comment: values.message ?? "",
        container,
        pause: values.pause ? undefined : "0",
        repo,
        tag,
      },
      {},
      context.signal,
    );
    context.out.write(`${id}\n`);
    return 0;
  },
});

/** A name for a new image. @throws {Fault} `invalid` for a name with a digest */
export function repositoryAndTag(name: string): { readonly repo: string; readonly tag: string } {
  const reference = parseReference(name);
  if (reference.digest !== undefined)
    throw new Fault("invalid", "cannot create a tag when a digest is specified");
  const { tag = "latest", ...rest } = reference;
  return { repo: familiarName(rest), tag };
}
