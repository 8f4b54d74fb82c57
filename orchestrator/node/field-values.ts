import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import type { ResourceFieldSelector } from "#api/kube/types/core-volumes.ts";
import { Fault } from "#base/fault.ts";
import { compareQuantities, parseQuantity, type Quantity } from "#orchestrator/machinery/quantity.ts";
import { findContainer } from "./pod.ts";

/** What a pod's fields are taken from beside the pod: its status as it is known here, and the machine. */
export interface FieldContext {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  /** What counts as a limit where a container has none, e.g. `cpu: "2"`. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** @throws {Fault} `invalid` for what is no field. @see Kubernetes documentation, Downward API */
export function fieldValue({ pod, podIps, hostIps }: FieldContext, path: string): string {
  const subscript = /^metadata\.(annotations|labels)\['(.*)'\]$/.exec(path);
  if (subscript !== null) {
    const [, list, key = ""] = subscript;
    return (list === "labels" ? pod.metadata.labels : pod.metadata.annotations)?.[key] ?? "";
  }
  switch (path) {
    case "metadata.annotations":
      return formatMap(pod.metadata.annotations ?? {});
    case "metadata.labels":
      return formatMap(pod.metadata.labels ?? {});
    case "metadata.name":
      return pod.metadata.name ?? "";
    case "metadata.namespace":
      return pod.metadata.namespace ?? "";
    case "metadata.uid":
      return pod.metadata.uid ?? "";
    case "spec.nodeName":
      return pod.spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "";
    case "status.hostIP":
      return hostIps[0] ?? "";
    case "status.hostIPs":
      return hostIps.join(",");
    case "status.podIP":
      return podIps[0] ?? "";
    case "status.podIPs":
      return podIps.join(",");
    default:
      throw new Fault("invalid", `unsupported fieldPath: ${path}`);
  }
}

/** One `key="value"` a line, sorted, values as Go quotes them. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${quote(map[key] ?? "")}`)
    .join("\n");
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\v": "\\v",
};

/** @see Go's strconv.Quote */
function quote(text: string): string {
  const quoted = text.replace(/["\\\p{Cc}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return (
      escapes[character] ??
      (code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`)
    );
  });
  return `"${quoted}"`;
}

/** @throws {Fault} `invalid` for what is no resource, or an unknown container */
export function resourceFieldValue(
  { pod, allocatable }: FieldContext,
  selector: ResourceFieldSelector,
  own: Container | undefined,
): string {
  const named = selector.containerName;
  const container = named === undefined || named === "" ? own : findContainer(pod, named)?.spec;
  if (container === undefined) throw new Fault("invalid", `container ${named ?? ""} not found`);
  const [kind, ...rest] = selector.resource.split(".");
  const name = rest.join(".");
  const isKnown = /^(cpu|memory|ephemeral-storage|hugepages-.+)$/.test(name);
  if (!isKnown || (kind !== "limits" && kind !== "requests"))
    throw new Fault("invalid", `unsupported container resource : ${selector.resource}`);
  const fallback = kind === "limits" ? allocatable[name] : container.resources?.limits?.[name];
  const text = container.resources?.[kind]?.[name] ?? fallback ?? "0";
  const divisor = parseQuantity(selector.divisor ?? "0");
  return dividedUp(parseQuantity(text), divisor.unscaled === 0n ? parseQuantity("1") : divisor).toString();
}

/** Rounded up. */
function dividedUp(amount: Quantity, divisor: Quantity): bigint {
  const scale = Math.min(amount.scale, divisor.scale);
  const numerator = amount.unscaled * 10n ** BigInt(amount.scale - scale);
  const denominator = divisor.unscaled * 10n ** BigInt(divisor.scale - scale);
  const whole = numerator / denominator;
  return compareQuantities(amount, { ...divisor, unscaled: divisor.unscaled * whole }) > 0
    ? whole + 1n
    : whole;
}
