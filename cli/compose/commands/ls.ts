import { defineCommand } from "../../context.ts";
import { Exit } from "../../failure.ts";
import { bool, list, text } from "../../flags.ts";
import { label } from "../converge/labels.ts";
import { columns } from "../engine/columns.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  about: "List running compose projects",
  flags: {
    all: bool("Show all stopped Compose projects", "a"),
    filter: list("filter", "Filter output based on conditions provided"),
    format: text("string", "Format the output. Values: [table | json]"),
    quiet: bool("Only display project names", "q"),
  },
  operands: [0, 0],
  examples: [["gantry compose ls -a", "whoever made them"]],
  async run(context, values) {
    const found = await context
      .engine()
      .listContainers({ all: true, filters: { label: [label.project, label.hash] } }, context.signal);
    const stacks = new Map<string, { readonly states: string[]; readonly files: Set<string> }>();
    for (const { Labels, State } of found) {
      if (!values.all && State !== "running") continue;
      const name = Labels?.[label.project] ?? "";
      const stack = stacks.get(name) ?? { states: [], files: new Set() };
      stack.states.push(State);
      stack.files.add(Labels?.[label.configFiles] ?? "");
      stacks.set(name, stack);
    }
    const isNamed = nameFilter(values.filter);
    const rows = [...stacks]
      .filter(([name]) => isNamed(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([Name, { states, files }]) => ({
        Name,
        Status: countStates(states),
        ConfigFiles: [...files].join(","),
      }));
    if (values.quiet) context.out.write(rows.map(({ Name }) => `${Name}\n`).join(""));
    else if (values.format === "json") context.out.write(`${JSON.stringify(rows)}\n`);
    else {
      const body = rows.map((row) => [row.Name, row.Status, row.ConfigFiles]);
      context.out.write(columns([["NAME", "STATUS", "CONFIG FILES"], ...body], 20, 3));
    }
    return 0;
  },
});

function nameFilter(filters: readonly string[]): (name: string) => boolean {
  const patterns = filters.map((filter) => {
    const [key, value = ""] = filter.split("=");
    if (key !== "name") throw new Exit(1, `invalid filter '${key}'`);
    return new RegExp(value);
  });
  return (name) => patterns.every((pattern) => pattern.test(name));
}

function countStates(states: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const state of [...states].sort()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${state}(${count})`).join(", ");
}
