import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { number, text } from "../../flags.ts";
import { openSession } from "../open-session.ts";
import { oneContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE",
  about: "Export a service container's filesystem as a tar archive",
  flags: {
    index: number("int", "index of the container if service has multiple replicas."),
    output: text("string", "Write to a file, instead of STDOUT", "o"),
  },
  operands: [1, 1],
  examples: [["gantry compose export -o web.tar web", "its files"]],
  async run(context, values, [service = ""]) {
    const session = await openSession(context, { canLackFiles: true });
    const { id } = await oneContainer(session, service, values.index);
    if (values.output === undefined && context.out.isTerminal)
      throw new Exit(1, "output option is required when exporting to terminal");
    const archive = await session.client.exportContainer(id, session.signal);
    if (values.output !== undefined) await pipeline(Readable.from(archive), createWriteStream(values.output));
    else for await (const bytes of archive) context.out.write(bytes);
    return 0;
  },
});
