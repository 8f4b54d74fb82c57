import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { number, text } from "../../flags.ts";
import { openSession } from "../open-session.ts";
import { oneContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE PRIVATE_PORT",
  about: "Print the public port for a port binding",
  flags: {
    index: number("int", "Index of the container if service has multiple replicas"),
    protocol: text("string", "tcp or udp", undefined, { shownDefault: '"tcp"' }),
  },
  operands: [2, 2],
  examples: [["gantry compose port web 80", "where it can be reached"]],
  async run(context, values, [service = "", port = ""]) {
    const session = await openSession(context, { canLackFiles: true });
    const { summary } = await oneContainer(session, service, values.index);
    const [wanted = "", protocol = values.protocol ?? "tcp"] = port.split("/");
    const found = (summary.Ports ?? []).find(
      ({ PrivatePort, Type, PublicPort }) =>
        PrivatePort === Number(wanted) && Type === protocol && PublicPort !== undefined,
    );
    if (found === undefined)
      throw new Exit(
        1,
        `no port ${wanted}/${protocol} for container ${(summary.Names[0] ?? "").slice(1)}: ${JSON.stringify(summary.Ports ?? [])}`,
      );
    context.out.write(`${found.IP ?? ""}:${found.PublicPort}\n`);
    return 0;
  },
});
