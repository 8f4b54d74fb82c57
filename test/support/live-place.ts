import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { KubeObject } from "#api/kube/meta.ts";
import { CLONE, unshare } from "#host/sys.ts";
import { checkout } from "./engine.ts";
import type { ProgramLog } from "./program-log.ts";

/** Where the node is for its pods and for others. */
export const nodeAddress = "192.0.2.1";

/** Moves this process into namespaces of its own for the network and for mounts, where cgroups are seen as before. */
export function isolate(): void {
  unshare(CLONE.NEWNET | CLONE.NEWNS);
  const script = [
    "mount --make-rprivate /; ip link set lo up",
    "place=$(mktemp -d); mount -t tmpfs none $place; mkdir $place/cgroup; mount --rbind /sys/fs/cgroup $place/cgroup",
    "mount -t sysfs sysfs /sys; mount --rbind $place/cgroup /sys/fs/cgroup; umount -l $place; rmdir $place",
    `ip link add node0 type bridge; ip address add ${nodeAddress}/24 dev node0; ip link set node0 up`,
  ];
  execFileSync("sh", ["-ec", script.join("\n")], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Resolves once a `gantry server` with the engine of that run folder serves. */
export async function startServer(
  folder: string,
  run: string,
  log: ProgramLog,
  more: readonly string[] = [],
): Promise<ChildProcess> {
  const from = log.text.length;
  const flags = ["server", "--root", join(folder, "root"), "--run", join(folder, "run")];
  const runtime = ["--container-runtime-endpoint", join(run, "cri.sock")];
  const child = spawn(join(checkout, "bin/gantry"), [...flags, ...runtime, ...more], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  log.follow(child.stderr);
  const exited = once(child, "exit").then(() => {
    throw new Error(`the server ended: ${log.text.slice(from)}`);
  });
  exited.catch(() => {}); // it ends some day
  await Promise.race([log.until(/the cluster is served.*\n/, from), exited]);
  return child;
}

/** The path of the collection that an object of any kind belongs to. */
export function collectionOf({ apiVersion, kind, metadata }: KubeObject): string {
  const root = apiVersion === "v1" ? "/api/v1" : `/apis/${apiVersion}`;
  const namespace = clusterKinds.has(kind) ? "" : `/namespaces/${metadata.namespace ?? "default"}`;
  return `${root}${namespace}/${pluralOf(kind.toLowerCase())}`;
}

const clusterKinds: ReadonlySet<string> = new Set([
  "ClusterTrustBundle",
  "Namespace",
  "Node",
  "PersistentVolume",
  "PriorityClass",
  "RuntimeClass",
]);

function pluralOf(kind: string): string {
  if (kind === "endpoints") return kind;
  if (kind.endsWith("s")) return `${kind}es`;
  return kind.endsWith("y") ? `${kind.slice(0, -1)}ies` : `${kind}s`;
}

export async function textOf(stream: Readable | undefined): Promise<string> {
  let text = "";
  for await (const piece of stream ?? []) text += String(piece);
  return text;
}
