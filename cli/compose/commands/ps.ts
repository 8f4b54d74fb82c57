import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool, list, text } from "../../flags.ts";
import type { Observed } from "../converge/observe.ts";
import { observe } from "../converge/observe.ts";
import { columns } from "../engine/columns.ts";
import { type PsRow, psRow } from "../engine/rows.ts";
import { openSession } from "../open-session.ts";
import type { Session } from "../session.ts";
import { escapeHtml } from "../render/json.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "List containers",
  flags: {
    all: bool("Show all stopped containers (including those created by the run command)", "a"),
    filter: text("string", "Filter services by a property (supported filters: status)"),
    format: text("string", "Format output: 'table', 'json', or 'table' with the names of fields"),
    "no-trunc": bool("Don't truncate output"),
    orphans: bool("Include orphaned services (not declared by project)", undefined, { isOn: true }),
    quiet: bool("Only display IDs", "q"),
    services: bool("Display services"),
    status: list(
      "stringArray",
      "Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]",
    ),
  },
  operands: [0, Infinity],
  examples: [
    ["gantry compose ps", "what runs"],
    ["gantry compose ps -a --format json", "everything, a JSON object a line"],
  ],
  async run(context, values, services) {
    const session = await openSession(context, { canLackFiles: true });
    const statuses = [...values.status, ...statusOf(values.filter)];
    const found = (await wanted(session, services, values.orphans))
      .filter(({ state, isOneoff }) => isShown(state, isOneoff, values.all, statuses))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const rows = found.map((one) => psRow(one, context.now(), { isFull: values["no-trunc"] }));
    if (values.quiet) context.out.write(found.map(({ id }) => `${id}\n`).join(""));
    else if (values.services)
      context.out.write([...new Set(rows.map(({ Service }) => `${Service}\n`))].join(""));
    else context.out.write(await show(rows, values.format ?? "table"));
    return 0;
  },
});

function statusOf(filter: string | undefined): readonly string[] {
  if (filter === undefined) return [];
  const [name, value] = filter.split("=");
  if (value === undefined) throw new Exit(1, "arguments to --filter should be in form KEY=VAL");
  if (name !== "status") throw new Exit(1, `unknown filter ${name}`);
  return [value];
}

async function wanted(
  session: Session,
  services: readonly string[],
  orphans: boolean,
): Promise<readonly Observed[]> {
  const { project } = session;
  const all = await observe(session, project.name);
  const isBare = project.services.size === 0;
  for (const name of services)
    if (!isBare && !project.services.has(name) && !project.disabled.has(name))
      throw new Exit(1, `no such service: ${name}`);
  return all.filter(
    ({ service }) =>
      (services.length === 0 || services.includes(service)) &&
      (isBare || orphans || project.services.has(service)),
  );
}

function isShown(state: string, isOneoff: boolean, all: boolean, statuses: readonly string[]): boolean {
  if (statuses.length > 0) return statuses.includes(state);
  return (
    all ||
    (!isOneoff && ["running", "paused", "restarting"].includes(state)) ||
    (isOneoff && state === "running")
  );
}

async function show(rows: readonly PsRow[], format: string): Promise<string> {
  if (format === "json") return rows.map((row) => `${escapeHtml(JSON.stringify(row))}\n`).join("");
  if (format === "table" || format === "") {
    const body = rows.map((row) => [
      row.Name,
      row.Image,
      row.Command,
      row.Service,
      row.RunningFor,
      row.Status,
      row.Ports,
    ]);
    return columns([["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"], ...body], 10, 3);
  }
  const isTable = format.startsWith("table ");
  const source = (isTable ? format.slice("table ".length) : format)
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
  const { compileTemplate } = await import("../../template/execute.ts");
  const template = compileTemplate(source);
  const lines = rows.map((row) => template.execute(row, { isStrict: true }));
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  const names = Object.keys(rows[0] ?? headings);
  const head = template.execute(
    Object.fromEntries(names.map((name) => [name, headings[name] ?? name.toUpperCase()])),
  );
  return columns(
    [head, ...lines].map((line) => line.split("\t")),
    10,
    3,
  );
}

const headings: Readonly<Record<string, string>> = {
  RunningFor: "CREATED",
  CreatedAt: "CREATED AT",
  ID: "CONTAINER ID",
  LocalVolumes: "LOCAL VOLUMES",
  ExitCode: "EXIT CODE",
};
