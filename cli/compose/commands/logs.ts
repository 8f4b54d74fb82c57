import { defineCommand } from "../../context.ts";
import { bool, number, text } from "../../flags.ts";
import type { Observed } from "../converge/observe.ts";
import { LogPrinter, shortName } from "../engine/log-printer.ts";
import { openSession } from "../open-session.ts";
import { projectContainers } from "./each-service.ts";
import { sinceTime } from "../engine/since-time.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "View output from containers",
  flags: {
    follow: bool("Follow log output", "f"),
    index: number("int", "index of the container if service has multiple replicas"),
    "no-color": bool("Produce monochrome output"),
    "no-log-prefix": bool("Don't print prefix in logs"),
    since: text(
      "string",
      "Show logs since timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)",
    ),
    tail: text("string", "Number of lines to show from the end of the logs for each container", "n", {
      shownDefault: '"all"',
    }),
    timestamps: bool("Show timestamps", "t"),
    until: text(
      "string",
      "Show logs before a timestamp (e.g. 2013-01-02T13:23:37Z) or relative (e.g. 42m for 42 minutes)",
    ),
  },
  operands: [0, Infinity],
  examples: [["gantry compose logs -f --tail 10 web", "the last lines, and what comes"]],
  async run(context, values, services) {
    const session = await openSession(context, { canLackFiles: true, services, withDependencies: false });
    const { client, project, signal } = session;
    const found = (await projectContainers(session, services)).filter(
      ({ isOneoff, number: own }) => !isOneoff && (values.index === undefined || own === values.index),
    );
    const printer = new LogPrinter({
      out: context.out,
      err: context.err,
      hasColour: context.out.isTerminal && !values["no-color"],
      hasPrefix: !values["no-log-prefix"],
    });
    for (const { name } of found) printer.register(shortName(name, project.name));
    const show = async ({ id, name }: Observed) => {
      const { Config } = await client.inspectContainer(id, signal);
      const pieces = client.containerLogs(
        id,
        {
          stdout: true,
          stderr: true,
          follow: values.follow,
          timestamps: values.timestamps,
          tail: values.tail ?? "all",
          since: sinceTime(values.since, context.now()),
          until: sinceTime(values.until, context.now()),
          isTerminal: Config.Tty,
        },
        signal,
      );
      await printer.print(shortName(name, project.name), pieces);
    };
    if (values.follow) await Promise.all(found.map(show));
    else for (const one of found) await show(one);
    return 0;
  },
});
