import type { Pod } from "#api/kube/types/core-pods.ts";
import { isCritical } from "./eviction/plan-eviction.ts";
import type { PressureType } from "./eviction/thresholds.ts";
import type { PodVerdict } from "./pod-worker.ts";
import { qosOf } from "./resources.ts";
import { findForbiddenSysctl } from "./security-context.ts";

/** Why a pod that was given to this node cannot run here. */
export function admissionProblem(
  pod: Pod,
  others: readonly Pod[],
  allowedSysctls: readonly string[],
  pressures: ReadonlySet<PressureType>,
): PodVerdict | undefined {
  const pressed = pressureProblem(pod, pressures);
  if (pressed !== undefined) return pressed;
  const os = pod.spec?.os?.name;
  if (os !== undefined && os !== "linux")
    return {
      reason: "PodOSNotSupported",
      message: "Pod was rejected: Failed to admit pod as the OS field doesn't match node OS",
    };
  const sysctl = findForbiddenSysctl(pod, allowedSysctls);
  if (sysctl !== undefined)
    return {
      reason: "SysctlForbidden",
      message: `Pod was rejected: forbidden sysctl: "${sysctl}" not allowlisted`,
    };
  if (others.some((other) => sharesHostPort(pod, other)))
    return {
      reason: "NodePorts",
      message:
        "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    };
  return undefined;
}

/** What is scarce is not given to those who come anew; of memory those get some who have asked for it. */
function pressureProblem(pod: Pod, pressures: ReadonlySet<PressureType>): PodVerdict | undefined {
  if (pressures.size === 0 || isCritical(pod)) return undefined;
  const isOfMemory = pressures.size === 1 && pressures.has("MemoryPressure");
  const isTolerated = pod.spec?.tolerations?.some(
    ({ key, effect = "", operator = "Equal" }) =>
      key === "node.kubernetes.io/memory-pressure" &&
      (effect === "" || effect === "NoSchedule") &&
      operator === "Exists",
  );
  if (isOfMemory && (qosOf(pod) !== "BestEffort" || isTolerated === true)) return undefined;
  return { reason: "Evicted", message: `The node had condition: [${[...pressures].join(" ")}]. ` };
}

function sharesHostPort(pod: Pod, other: Pod): boolean {
  const taken = hostPorts(other);
  return hostPorts(pod).some((port) =>
    taken.some(
      (each) => each.port === port.port && each.protocol === port.protocol && overlap(each.ip, port.ip),
    ),
  );
}

function overlap(one: string, another: string): boolean {
  return one === another || one === "0.0.0.0" || another === "0.0.0.0";
}

function hostPorts(pod: Pod) {
  return (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort = 0 }) => hostPort > 0)
      .map(({ hostPort, hostIP = "", protocol = "TCP" }) => ({
        port: hostPort,
        protocol,
        ip: hostIP === "" ? "0.0.0.0" : hostIP,
      })),
  );
}
