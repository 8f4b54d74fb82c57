import { type Entries, type Entry, type Section } from "./command-tree.ts";
import type { Command } from "./context.ts";
import type { FlagSpec, FlagTable } from "./flags.ts";
import { instanceFlags } from "./global-flags.ts";
import { usageOf } from "./main.ts";
import { formatTable } from "./output/table.ts";
import type { Terminal } from "./output/terminal.ts";

const width = 80;

const sections: readonly (readonly [section: Section | undefined, heading: string])[] = [
  ["own", "Gantry itself:"],
  ["cluster", "Objects of the cluster, as kubectl:"],
  ["common", "Common commands:"],
  ["management", "Management commands:"],
  [undefined, "Commands:"],
];

/** Help of a command group, or of the whole program when `path` has one word. */
export function groupHelp(
  path: readonly string[],
  summary: string,
  entries: Entries,
  flags: FlagTable,
  out: Terminal,
): string {
  const words = path.join(" ");
  const hasFlags = Object.keys(flags).length > 0;
  return [
    `${out.bold("Usage:")}  ${words} ${hasFlags ? "[OPTIONS] " : ""}COMMAND\n`,
    `${summary}\n`,
    ...sections.flatMap(([section, heading]) => sectionHelp(entries, section, heading, out)),
    ...(hasFlags
      ? [`${out.bold(path.length === 1 ? "Global options:" : "Options:")}\n${formatFlags(flags)}`]
      : []),
    `Run '${words} COMMAND --help' for more information on a command.\n`,
  ].join("\n");
}

function sectionHelp(
  entries: Entries,
  section: Section | undefined,
  heading: string,
  out: Terminal,
): readonly string[] {
  const rows = Object.entries(entries)
    .filter(([, entry]) => entry.section === section && entry.isHidden !== true)
    .map(([name, entry]) => [`  ${name.padEnd(9)}`, entry.summary]);
  return rows.length === 0 ? [] : [`${out.bold(heading)}\n${formatTable([], rows)}`];
}

export function commandHelp(path: readonly string[], command: Command, entry: Entry, out: Terminal): string {
  const parts = [
    `${out.bold("Usage:")}  ${usageOf(path.join(" "), command.usage)}\n`,
    `${command.about}\n`,
    ...aliasHelp(path, entry, out),
  ];
  if (Object.keys(command.flags).length > 0)
    parts.push(`${out.bold("Options:")}\n${formatFlags(command.flags)}`);
  if (command.isOwn)
    parts.push(
      `${out.bold("Instance options:")}\n${formatFlags({ ...instanceFlags, ...hidden(command.flags) })}`,
    );
  parts.push(pairs("Examples:", command.examples, out));
  if (command.exitCodes !== undefined)
    parts.push(
      pairs(
        "Exit codes:",
        command.exitCodes.map(([code, meaning]) => [String(code), meaning] as const),
        out,
      ),
    );
  return parts.join("\n");
}

/** The same flags, not shown. */
function hidden(flags: FlagTable): FlagTable {
  return Object.fromEntries(Object.entries(flags).map(([name, spec]) => [name, { ...spec, hidden: true }]));
}

function pairs(heading: string, rows: readonly (readonly [string, string])[], out: Terminal): string {
  const cells = rows.map(([first, second]) => [`  ${first}`, second]);
  return `${out.bold(heading)}\n${formatTable([], cells)}`;
}

function aliasHelp(path: readonly string[], entry: Entry, out: Terminal): readonly string[] {
  if (entry.kind !== "command") return [];
  const group = path.slice(0, -1).join(" ");
  const names = [
    path.join(" "),
    ...(entry.aliases ?? []).map((name) => `${group} ${name}`),
    ...(entry.also === undefined ? [] : [`gantry ${entry.also}`]),
  ];
  const shown = [...new Set(names)];
  return shown.length < 2 ? [] : [`${out.bold("Aliases:")}\n  ${shown.join(", ")}\n`];
}

/** Flags in columns, wrapped to the width of a small terminal. */
function formatFlags(flags: FlagTable): string {
  const rows = Object.entries(flags)
    .filter(([, spec]) => spec.hidden !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => [`  ${formatFlag(name, spec)}`, describe(spec)] as const);
  const column = Math.max(0, ...rows.map(([flag]) => flag.length)) + 3;
  return rows.map(([flag, words]) => `${flag.padEnd(column)}${wrap(words, column)}\n`).join("");
}

function formatFlag(name: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  if (!("value" in spec)) return `${short}--${name}`;
  return `${short}--${name}${spec.bare === undefined ? ` ${spec.value}` : `[=${spec.value}]`}`;
}

function describe(spec: FlagSpec): string {
  const shown = spec.shownDefault ?? (spec.kind === "bool" && spec.isOn ? "true" : undefined);
  return shown === undefined ? spec.help : `${spec.help} (default ${shown})`;
}

function wrap(words: string, column: number): string {
  const lines = [""];
  for (const word of words.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && column + line.length + word.length + 1 >= width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join(`\n${" ".repeat(column)}`);
}
