import { defineCommand } from "../../context.ts";
import { bool, list, number, text } from "../../flags.ts";
import { splitTag } from "../converge/image-stream.ts";
import { openSession } from "../open-session.ts";
import { oneContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
  about: "Create a new image from a service container's changes",
  flags: {
    author: text("string", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', "a"),
    change: list("list", "Apply Dockerfile instruction to the created image", "c"),
    index: number("int", "index of the container if service has multiple replicas."),
    message: text("string", "Commit message", "m"),
    pause: bool("Pause container during commit", "p", { isOn: true }),
  },
  operands: [1, 2],
  examples: [["gantry compose commit web shop/web:debug", "as it is now"]],
  async run(context, values, [service = "", name]) {
    const session = await openSession(context, { canLackFiles: true });
    using _ = session.progress;
    const { id, name: container } = await oneContainer(session, service, values.index);
    const [repo, tag] = name === undefined ? [undefined, undefined] : splitTag(name);
    session.progress.event({ id: `Container ${container}`, text: "Committing", status: "working" });
    const query = {
      container: id,
      repo,
      tag,
      author: values.author,
      comment: values.message,
      changes: values.change,
      pause: values.pause ? "1" : "0",
    };
    const image = await session.client.commitContainer(query, {}, session.signal);
    session.progress.event({
      id: `Container ${container}`,
      text: `Committed as ${image.slice(0, 19)}`,
      status: "done",
    });
    return 0;
  },
});
