import type { Command } from "./context.ts";
import type { FlagTable } from "./flags.ts";

/** A node of the command tree. Commands are loaded when they are used, so that `gantry version` reads one file of them. */
export type Entry =
  | {
      readonly kind: "command";
      readonly summary: string;
      /** Under which heading the program's help shows it. */
      readonly section?: Section;
      /** Other names in the same group. */
      readonly aliases?: readonly string[];
      /** Where else it stands in the tree; for the help. */
      readonly also?: string;
      readonly isHidden?: boolean;
      load(): Promise<Command>;
    }
  | {
      readonly kind: "group";
      readonly summary: string;
      readonly section?: Section;
      readonly isHidden?: boolean;
      /** Flags that stand between the group's name and the command's. */
      readonly flags?: FlagTable;
      readonly entries: Entries | (() => Promise<Entries>);
    };

export type Section = "own" | "common" | "management";
export type Entries = Readonly<Record<string, Entry>>;
type Load = () => Promise<Command>;
type Extra = Omit<Extract<Entry, { kind: "command" }>, "kind" | "summary" | "load">;

function command(summary: string, load: Load, extra: Extra = {}): Entry {
  return { kind: "command", summary, load, ...extra };
}

function group(summary: string, entries: Entries | (() => Promise<Entries>)): Entry {
  return { kind: "group", summary, section: "management", entries };
}

const own = { section: "own" } as const;

export const commands: Entries = {
  up: command(
    "Start the engine in the background",
    async () => (await import("./commands/up.ts")).command,
    own,
  ),
  down: command(
    "Stop the containers and the engine",
    async () => (await import("./commands/down.ts")).command,
    own,
  ),
  status: command(
    "Show whether the engine runs, and what it runs",
    async () => (await import("./commands/status.ts")).command,
    own,
  ),
  engine: command(
    "Run the engine in the foreground",
    async () => (await import("./commands/engine.ts")).command,
    own,
  ),
  image: group("Images", {
    bootstrap: command(
      "Make a base image from the distribution's packages",
      async () => (await import("./commands/image-bootstrap.ts")).command,
    ),
    ls: command("List images", async () => (await import("./commands/image-ls.ts")).command),
  }),
  security: group("Check the engine's security", {
    check: command(
      "Show what could be stricter",
      async () => (await import("./commands/security-check.ts")).command,
    ),
  }),
  version: command("Show versions", async () => (await import("./commands/version.ts")).command),
};

/** The entry of a name or an alias in a group. */
export function findEntry(entries: Entries, name: string): Entry | undefined {
  if (Object.hasOwn(entries, name)) return entries[name];
  return Object.values(entries).find((entry) => entry.kind === "command" && entry.aliases?.includes(name));
}

export async function entriesOf({ entries }: Extract<Entry, { kind: "group" }>): Promise<Entries> {
  return typeof entries === "function" ? await entries() : entries;
}
