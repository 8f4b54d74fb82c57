import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { runDockerVerb } from "../engine/docker-verb.ts";
import { openSession } from "../open-session.ts";
import { projectContainers } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE]",
  about: "Display a live stream of container(s) resource usage statistics",
  flags: {
    all: bool("Show all containers (default shows just running)", "a"),
    format: text("string", "Format output using a custom template"),
    "no-stream": bool("Disable streaming stats and only pull the first result"),
    "no-trunc": bool("Do not truncate output"),
  },
  operands: [0, 1],
  examples: [["gantry compose stats --no-stream", "one look"]],
  async run(context, values, services) {
    const session = await openSession(context, { canLackFiles: true });
    const found = (await projectContainers(session, services)).filter(
      ({ state }) => values.all || state === "running",
    );
    if (found.length === 0) return 0;
    const flags = [
      ...(values["no-stream"] ? ["--no-stream"] : []),
      ...(values["no-trunc"] ? ["--no-trunc"] : []),
      ...(values.format === undefined ? [] : [`--format=${values.format}`]),
    ];
    return await runDockerVerb(context, "stats", [...flags, ...found.map(({ name }) => name)]);
  },
});
