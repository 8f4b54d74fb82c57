import type { Entries, Entry } from "../command-tree.ts";
import type { Command } from "../context.ts";

function command(summary: string, load: () => Promise<Command>, also?: string): Entry {
  return { kind: "command", summary, section: "cluster", load, ...(also !== undefined && { also }) };
}

const rollouts = async () => await import("./commands/rollout.ts");

const rollout: Entry = {
  kind: "group",
  summary: "Follow, undo and hold up roll-outs",
  section: "cluster",
  entries: {
    history: command("Show revisions", async () => (await rollouts()).history),
    pause: command("Hold changes up", async () => (await rollouts()).pause),
    restart: command("Replace all pods", async () => (await rollouts()).restart),
    resume: command("Let changes go on", async () => (await rollouts()).resume),
    status: command("Follow a roll-out until it is done", async () => (await rollouts()).status),
    undo: command("Go back to an earlier revision", async () => (await rollouts()).undo),
  },
};

/** Verbs of kubectl's that docker has none of the same name of: they stand at the top as well. */
export const clusterVerbs: Entries = {
  "api-resources": command(
    "List the types that there are",
    async () => (await import("./commands/api-resources.ts")).apiResources,
    "kube api-resources",
  ),
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
  rollout,
  scale: command(
    "Set how many replicas there are",
    async () => (await import("./commands/scale.ts")).scale,
    "kube scale",
  ),
  describe: command(
    "Show objects in detail",
    async () => (await import("./commands/describe.ts")).describe,
    "kube describe",
  ),
  get: command("Show objects", async () => (await import("./commands/get.ts")).get, "kube get"),
};

export const kubeExec = async () => (await import("./commands/exec.ts")).exec;
export const kubeLogs = async () => (await import("./commands/logs.ts")).logs;

/** `gantry kube`: all of kubectl's verbs that there are. */
export const kubeVerbs: Entries = {
  ...clusterVerbs,
  exec: command("Run a command in a pod", kubeExec),
  logs: command("Show what pods have written", kubeLogs),
};
