import type { Entries, Entry } from "../command-tree.ts";
import type { Command } from "../context.ts";

function command(summary: string, load: () => Promise<Command>, also?: string): Entry {
  return { kind: "command", summary, section: "cluster", load, ...(also !== undefined && { also }) };
}

/** Verbs of kubectl's that docker has none of the same name of: they stand at the top as well. */
export const clusterVerbs: Entries = {
  apply: command(
    "Make or change objects",
    async () => (await import("./commands/apply.ts")).apply,
    "kube apply",
  ),
  delete: command(
    "Delete objects",
    async () => (await import("./commands/delete.ts")).deleteIt,
    "kube delete",
  ),
  "port-forward": command(
    "Forward ports of this machine to a pod",
    async () => (await import("./commands/port-forward.ts")).portForward,
    "kube port-forward",
  ),
  scale: command(
    "Set how many replicas there are",
    async () => (await import("./commands/scale.ts")).scale,
    "kube scale",
  ),
  get: command("Show objects", async () => (await import("./commands/get.ts")).get, "kube get"),
};

const exec = async () => (await import("./commands/exec.ts")).exec;
const logs = async () => (await import("./commands/logs.ts")).logs;

/** `gantry kube`: all of kubectl's verbs that there are. */
export const kubeVerbs: Entries = {
  ...clusterVerbs,
  exec: command("Run a command in a pod", exec),
  logs: command("Show what pods have written", logs),
};
