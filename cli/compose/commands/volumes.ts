import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { label } from "../converge/labels.ts";
import { columns } from "../engine/columns.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "List volumes",
  flags: {
    format: text("string", "Format the output. Values: [table | json]"),
    quiet: bool("Only display volume names", "q"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose volumes -q", "names alone"]],
  async run(context, values, services) {
    const { client, project, signal } = await openSession(context, { services, withDependencies: false });
    const used = new Set(
      services.flatMap((name) => (project.services.get(name)?.volumes ?? []).map(({ source }) => source)),
    );
    const { Volumes } = await client.listVolumes({ label: [`${label.project}=${project.name}`] }, signal);
    const found = (Volumes ?? []).filter(
      ({ Labels }) => services.length === 0 || used.has(Labels?.[label.volume]),
    );
    if (values.quiet) context.out.write(found.map(({ Name }) => `${Name}\n`).join(""));
    else if (values.format === "json")
      context.out.write(found.map((one) => `${JSON.stringify(one)}\n`).join(""));
    else
      context.out.write(
        columns([["DRIVER", "VOLUME NAME"], ...found.map(({ Driver, Name }) => [Driver, Name])], 10, 3),
      );
    return 0;
  },
});
