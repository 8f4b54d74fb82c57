import type { Entries, Entry } from "../command-tree.ts";
import type { Command } from "../context.ts";

function command(
  summary: string,
  load: () => Promise<Command>,
  extra: { readonly aliases?: readonly string[] } = {},
): Entry {
  return { kind: "command", summary, load, ...extra };
}

const list = { aliases: ["list"] } as const;
const away = { aliases: ["rm", "remove"] } as const;

const image: Entries = {
  delete: command("Delete images", async () => (await import("./commands/image.ts")).remove, away),
  ls: command("List images", async () => (await import("./commands/image.ts")).ls, list),
  upload: command(
    "Put a disk or ISO image into the library",
    async () => (await import("./commands/image.ts")).uploadImage,
  ),
};

const snapshot: Entries = {
  create: command(
    "Keep a machine's disks as they are",
    async () => (await import("./commands/snapshot.ts")).create,
  ),
  delete: command("Delete snapshots", async () => (await import("./commands/snapshot.ts")).remove, away),
  ls: command("List snapshots", async () => (await import("./commands/snapshot.ts")).ls, list),
  restore: command(
    "Make a new machine as one was",
    async () => (await import("./commands/snapshot.ts")).restore,
  ),
};

/** `gantry vm …`, each loaded when it is used. */
export const vmCommands: Entries = {
  clone: command(
    "Make a machine like another one",
    async () => (await import("./commands/clone.ts")).command,
  ),
  console: command(
    "Join a machine's serial port",
    async () => (await import("./commands/console.ts")).command,
  ),
  create: command("Create a machine", async () => (await import("./commands/create.ts")).command),
  delete: command("Delete machines", async () => (await import("./commands/power.ts")).remove, away),
  deploy: command(
    "Make a machine that runs a container, and wait until it answers",
    async () => (await import("./commands/deploy.ts")).command,
  ),
  image: { kind: "group", summary: "Images that machines are made from", entries: image },
  inspect: command(
    "Show everything about machines",
    async () => (await import("./commands/inspect.ts")).command,
    { aliases: ["show"] },
  ),
  ls: command("List machines", async () => (await import("./commands/ls.ts")).command, {
    aliases: ["list", "ps"],
  }),
  pause: command("Freeze machines", async () => (await import("./commands/power.ts")).pause),
  restart: command(
    "Shut machines down and start them",
    async () => (await import("./commands/power.ts")).restart,
    {
      aliases: ["reboot"],
    },
  ),
  snapshot: { kind: "group", summary: "Snapshots of machines", entries: snapshot },
  ssh: command("Run ssh to a machine", async () => (await import("./commands/ssh.ts")).command),
  start: command("Start machines", async () => (await import("./commands/power.ts")).start),
  stop: command("Shut machines down", async () => (await import("./commands/power.ts")).stop, {
    aliases: ["shutdown"],
  }),
  update: command("Change a machine", async () => (await import("./commands/update.ts")).command, {
    aliases: ["set"],
  }),
};
