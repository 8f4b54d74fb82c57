import { defineCommand } from "../../context.ts";
import { columns } from "../engine/columns.ts";
import { openSession } from "../open-session.ts";
import { projectContainers } from "./each-service.ts";

export const command = defineCommand({
  usage: "[SERVICES...]",
  about: "Display the running processes",
  flags: {},
  operands: [0, Infinity],
  examples: [["gantry compose top web", "of one service"]],
  async run(context, _, services) {
    const session = await openSession(context, { canLackFiles: true });
    const found = (await projectContainers(session, services)).filter(({ state }) => state === "running");
    const tables = await Promise.all(
      found.map(async ({ id, service, number }) => ({
        service,
        number,
        table: await session.client.topContainer(id, undefined, session.signal),
      })),
    );
    const titles = [...new Set(tables.flatMap(({ table }) => table.Titles))];
    const rows = tables.flatMap(({ service, number, table }) =>
      (table.Processes ?? []).map((cells) => [
        service,
        String(number),
        ...titles.map((title) => cells[table.Titles.indexOf(title)] ?? "-"),
      ]),
    );
    if (rows.length > 0) context.out.write(columns([["SERVICE", "#", ...titles], ...rows], 4, 2));
    return 0;
  },
});
