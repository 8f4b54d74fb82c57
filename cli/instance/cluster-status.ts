import { join } from "node:path";
import { findAdminServer } from "./admin-kubeconfig.ts";
import { nodes, pods } from "#client/kube/resources.ts";
import type { EngineOptions } from "../context.ts";
import { residentBytes } from "./resident-bytes.ts";
import { serverLogOf } from "./start-server.ts";
import { withCluster } from "./with-cluster.ts";

export interface ClusterStatus {
  readonly pid: number;
  readonly memoryBytes?: number;
  /** Where its API is. */
  readonly server: string;
  readonly kubeconfig: string;
  readonly log: string;
  /** Absent when it does not answer, or not to us. */
  readonly facts?: ClusterFacts;
}

interface ClusterFacts {
  readonly version: string;
  readonly nodes: number;
  readonly nodesReady: number;
  readonly pods: number;
  readonly podsRunning: number;
}

const patienceMs = 5000;

/** @param pid of the cluster's server */
export async function readClusterStatus(
  instance: EngineOptions,
  pid: number,
  signal: AbortSignal,
): Promise<ClusterStatus> {
  const memoryBytes = residentBytes(pid);
  const facts = await readFacts(instance.root, AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]));
  signal.throwIfAborted();
  return {
    pid,
    ...(memoryBytes !== undefined && { memoryBytes }),
    server: findAdminServer(instance.root) ?? "",
    kubeconfig: join(instance.root, "kubeconfig"),
    log: serverLogOf(instance),
    ...(facts !== undefined && { facts }),
  };
}

async function readFacts(root: string, signal: AbortSignal): Promise<ClusterFacts | undefined> {
  try {
    return await withCluster(root, async (kube) => {
      const [{ gitVersion }, allNodes, allPods] = await Promise.all([
        kube.requests.json<{ readonly gitVersion: string }>({ method: "GET", path: "/version" }, signal),
        Array.fromAsync(kube.of(nodes).listAll({}, signal)),
        Array.fromAsync(kube.of(pods).listAll({}, signal)),
      ]);
      const isReady = ({ status }: (typeof allNodes)[number]) =>
        status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
      return {
        version: gitVersion,
        nodes: allNodes.length,
        nodesReady: allNodes.filter(isReady).length,
        pods: allPods.length,
        podsRunning: allPods.filter(({ status }) => status?.phase === "Running").length,
      };
    });
  } catch {
    return undefined;
  }
}
