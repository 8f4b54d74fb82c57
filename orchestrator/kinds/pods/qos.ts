import type { Container, Pod, PodSpec } from "#api/kube/types/core-pods.ts";
import { compareQuantities, parseQuantity, zero } from "#orchestrator/machinery/quantity.ts";

type QosClass = NonNullable<NonNullable<Pod["status"]>["qosClass"]>;
type Amounts = Readonly<Record<string, string>> | undefined;

const counted = ["cpu", "memory"];

/**
 * How well a pod's resources are kept for it: `Guaranteed` when everything is limited to what it asks for, `BestEffort` when nothing is
 * asked for.
 *
 * @see Kubernetes, "Pod Quality of Service Classes"
 */
export function qosClassOf(spec: PodSpec): QosClass {
  const whole = spec.resources;
  const holders =
    whole === undefined || isEmpty(whole.requests, whole.limits)
      ? [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ resources }) => resources ?? {})
      : [whole];
  if (holders.every(({ requests, limits }) => isEmpty(requests, limits))) return "BestEffort";
  return holders.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function isEmpty(...amounts: readonly Amounts[]): boolean {
  return amounts.every((each) => counted.every((name) => !isPositive(each?.[name])));
}

function isPositive(amount: string | undefined): boolean {
  return amount !== undefined && compareQuantities(parseQuantity(amount), zero) > 0;
}

function isGuaranteed({ requests, limits }: NonNullable<Container["resources"]>): boolean {
  return counted.every((name) => {
    const [request, limit] = [requests?.[name], limits?.[name]];
    if (request === undefined || limit === undefined || !isPositive(limit)) return false;
    return compareQuantities(parseQuantity(request), parseQuantity(limit)) === 0;
  });
}
