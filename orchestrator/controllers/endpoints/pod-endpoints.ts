import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Service, ServicePort } from "#api/kube/types/core.ts";
import type { ObjectReference } from "#api/kube/types/core-volumes.ts";
import { isFinished } from "../pods/pod-facts.ts";

export type Family = "IPv4" | "IPv6";

/** Whether a service may send anything to the pod, now or once it is ready. */
export function canBeEndpoint(pod: Pod, withTerminating: boolean): boolean {
  if (isFinished(pod) || (pod.status?.podIP ?? "") === "") return false;
  return withTerminating || pod.metadata.deletionTimestamp === undefined;
}

/** The pod's address of a family. */
export function addressOf({ status }: Pod, family: Family): string | undefined {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? ""];
  return all.find((ip) => ip !== "" && ip.includes(":") === (family === "IPv6"));
}

export interface PodPort {
  /** Empty where the service gives it none. */
  readonly name: string;
  readonly port: number;
  readonly protocol: NonNullable<ServicePort["protocol"]>;
  readonly appProtocol?: string;
}

/** The service's ports as the pod has them, without those that it has not. */
export function portsIn(pod: Pod, service: Service): readonly PodPort[] {
  const found: PodPort[] = [];
  for (const each of service.spec?.ports ?? []) {
    const port = portIn(pod, each);
    if (port === undefined) continue;
    const { name = "", protocol = "TCP", appProtocol } = each;
    found.push({ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) });
  }
  return found;
}

/** The number that a service's port has in the pod; a name is looked up in its containers. */
function portIn(pod: Pod, { port, targetPort = port, protocol = "TCP" }: ServicePort): number | undefined {
  if (typeof targetPort === "number") return targetPort === 0 ? port : targetPort;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  for (const { ports = [] } of [...pod.spec.containers, ...sidecars])
    for (const { name, containerPort, protocol: own = "TCP" } of ports)
      if (name === targetPort && own === protocol) return containerPort;
  return undefined;
}

/** The name that DNS gives the pod in a headless service. */
export function hostnameIn(pod: Pod, service: Service): string | undefined {
  const { hostname = "", subdomain } = pod.spec;
  return hostname !== "" && subdomain === service.metadata.name ? hostname : undefined;
}

export function podReference(pod: Pod): ObjectReference {
  const { namespace = "", name = "", uid = "" } = pod.metadata;
  return { kind: "Pod", namespace, name, uid };
}

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === "None";
}
