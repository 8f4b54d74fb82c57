import type { Entries } from "./command-tree.ts";
import type { Command } from "./context.ts";
import type { FlagSpec, FlagTable } from "./flags.ts";
import { formatTable } from "./output/table.ts";
import type { Terminal } from "./output/terminal.ts";

/** Flags that every command takes. */
export const globalFlags = {
  root: { kind: "text", value: "FOLDER", help: "Where data is kept (GANTRY_ROOT, default /var/lib/gantry)" },
  run: { kind: "text", value: "FOLDER", help: "Where sockets are (GANTRY_RUN, default /run/gantry)" },
  "bridge-cidr": {
    kind: "text",
    value: "CIDR",
    help: "Address and size of the default bridge, e.g. 10.88.0.1/16",
  },
  help: { kind: "bool", short: "h", help: "Show this help" },
} as const satisfies FlagTable;

/** Help of a command group, or of the whole program when `path` has one word. */
export function groupHelp(path: readonly string[], summary: string, entries: Entries, out: Terminal): string {
  const rows = Object.entries(entries).map(([name, entry]) => [`  ${name}`, entry.summary]);
  return [
    `${summary}\n`,
    `${out.bold("Usage:")}  ${path.join(" ")} [flags] COMMAND\n`,
    `${out.bold("Commands:")}\n${formatTable([], rows)}`,
    `${out.bold("Flags:")}\n${formatFlags(globalFlags)}`,
    `'${path.join(" ")} COMMAND --help' tells more about a command.\n`,
  ].join("\n");
}

export function commandHelp(path: readonly string[], command: Command, out: Terminal): string {
  const parts = [`${out.bold("Usage:")}  ${path.join(" ")} ${command.usage}\n`, `${command.about}\n`];
  if (Object.keys(command.flags).length > 0)
    parts.push(`${out.bold("Flags:")}\n${formatFlags(command.flags)}`);
  parts.push(`${out.bold("Global flags:")}\n${formatFlags(globalFlags)}`);
  parts.push(
    `${out.bold("Examples:")}\n${formatTable(
      [],
      command.examples.map(([line, what]) => [`  ${line}`, what]),
    )}`,
  );
  if (command.exitCodes !== undefined)
    parts.push(
      `${out.bold("Exit codes:")}\n${formatTable(
        [],
        command.exitCodes.map(([code, meaning]) => [`  ${code}`, meaning]),
      )}`,
    );
  return parts.join("\n");
}

function formatFlags(flags: FlagTable): string {
  return formatTable(
    [],
    Object.entries(flags).map(([name, spec]) => [`  ${formatFlag(name, spec)}`, spec.help]),
  );
}

function formatFlag(name: string, spec: FlagSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `;
  return `${short}--${name}${"value" in spec ? ` ${spec.value}` : ""}`;
}
