import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { peerVersion } from "../converge/labels.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  about: "Show the Docker Compose version information: the one whose files and commands are understood",
  flags: {
    format: text("string", "Format the output. Values: [pretty | json]. (Default: pretty)", "f"),
    short: bool("Shows only Compose's version number"),
  },
  operands: [0, 0],
  examples: [["gantry compose version --short", "the number alone"]],
  async run({ out }, { format, short }) {
    if (short) out.write(`${peerVersion}\n`);
    else if (format === "json") out.write(`{"version":"${peerVersion}"}\n`);
    else out.write(`Docker Compose version ${peerVersion}\n`);
    return 0;
  },
});
