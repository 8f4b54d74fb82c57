import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Log } from "#base/log.ts";
import type { Timers } from "#base/timers.ts";
import type { KubeClient } from "#client/kube/kube-client.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import type { NodeFolders } from "./node-folders.ts";
import { fieldPathOf, findContainer } from "./pod.ts";
import type { Resolver } from "./pod-dns.ts";
import type { MachineSize } from "./resources.ts";

/** What all parts of the agent are made of. */
export interface NodeDeps {
  readonly cri: CriClient;
  readonly kube: KubeClient;
  readonly timers: Timers;
  readonly log: Log;
  readonly recorder: EventRecorder;
  readonly folders: NodeFolders;
  readonly nodeName: string;
  readonly hostname: string;
  readonly hostIps: readonly string[];
  readonly machine: MachineSize;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** What the machine's own resolv.conf says now. */
  readonly resolver: () => Resolver;
  readonly allowedSysctls: readonly string[];
}

/** Tells users something about a pod, or about one of its containers. */
export function tellPod(
  { recorder }: Pick<NodeDeps, "recorder">,
  pod: Pod,
  container: string | undefined,
  type: "Normal" | "Warning",
  reason: string,
  message: string,
): void {
  const found = container === undefined ? undefined : findContainer(pod, container);
  recorder.record(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: pod.metadata,
      ...(found === undefined ? {} : { fieldPath: fieldPathOf(found) }),
    },
    type,
    reason,
    message,
  );
}
