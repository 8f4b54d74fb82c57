import type { Entries, Entry } from "../command-tree.ts";
import type { Command } from "../context.ts";

function command(summary: string, load: () => Promise<{ readonly command: Command }>): Entry {
  return { kind: "command", summary, load: async () => (await load()).command };
}

/** `gantry compose …`, each loaded when it is used. */
export const composeCommands: Entries = {
  config: command("Parse, resolve and render compose file in canonical format", () => import("./commands/config.ts")),
  create: command("Creates containers for a service", () => import("./commands/create.ts")),
  down: command("Stop and remove containers, networks", () => import("./commands/down.ts")),
  up: command("Create and start containers", () => import("./commands/up.ts")),
};
