import type { Command } from "./context.ts";

/** A node of the command tree. Commands are loaded when they are used, so that `gantry version` reads one file of them. */
export type Entry =
  | { readonly kind: "command"; readonly summary: string; load(): Promise<Command> }
  | { readonly kind: "group"; readonly summary: string; readonly entries: Entries };

export type Entries = Readonly<Record<string, Entry>>;

export const commands: Entries = {
  up: {
    kind: "command",
    summary: "Start the engine in the background",
    load: async () => (await import("./commands/up.ts")).command,
  },
  down: {
    kind: "command",
    summary: "Stop the containers and the engine",
    load: async () => (await import("./commands/down.ts")).command,
  },
  status: {
    kind: "command",
    summary: "Show whether the engine runs, and what it runs",
    load: async () => (await import("./commands/status.ts")).command,
  },
  engine: {
    kind: "command",
    summary: "Run the engine in the foreground",
    load: async () => (await import("./commands/engine.ts")).command,
  },
  image: {
    kind: "group",
    summary: "Make and list images",
    entries: {
      bootstrap: {
        kind: "command",
        summary: "Make a base image from the distribution's packages",
        load: async () => (await import("./commands/image-bootstrap.ts")).command,
      },
      ls: {
        kind: "command",
        summary: "List images",
        load: async () => (await import("./commands/image-ls.ts")).command,
      },
    },
  },
  version: {
    kind: "command",
    summary: "Show the versions of this program and of the engine",
    load: async () => (await import("./commands/version.ts")).command,
  },
};
