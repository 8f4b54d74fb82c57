import type { Pod } from "#api/kube/types/core-pods.ts";
import type { Service } from "#api/kube/types/core.ts";
import { KubeFailure } from "./failure.ts";

/** A port of this machine, 0 for any that is free, and one of a pod. */
export interface Forwarding {
  readonly local: number;
  readonly remote: number;
}

/** Ports as `LOCAL:REMOTE`, `REMOTE` or `:REMOTE`, by number or by the name that a container gives it. @throws {KubeFailure} */
export function podPorts(words: readonly string[], pod: Pod): readonly Forwarding[] {
  return words.map((word) => {
    const [local, remote] = split(word);
    return forwarding(word, local, String(isNumber(remote) ? remote : namedPort(pod, remote)));
  });
}

/** The same of a service: what its ports lead to in the pod. @throws {KubeFailure} */
export function servicePorts(words: readonly string[], service: Service, pod: Pod): readonly Forwarding[] {
  const { ports = [], clusterIP } = service.spec ?? {};
  return words.map((word) => {
    const [local, remote] = split(word);
    const found = ports.find(({ name, port }) =>
      isNumber(remote) ? port === Number(remote) : name === remote,
    );
    if (found === undefined)
      throw failure(
        isNumber(remote)
          ? `Service ${service.metadata.name} does not have a service port ${remote}`
          : `Service '${service.metadata.name}' does not have a named port '${remote}'`,
      );
    if (found.protocol === "UDP") throw failure(`UDP protocol is not supported for ${remote}`);
    const { targetPort = found.port, port } = found;
    const target =
      clusterIP === "None" ? port : typeof targetPort === "number" ? targetPort : namedPort(pod, targetPort);
    const own = local === remote && !isNumber(remote) ? String(port) : local;
    return forwarding(word, own, String(target));
  });
}

function split(word: string): readonly [local: string, remote: string] {
  const [first = "", second, ...more] = word.split(":");
  if (more.length > 0) throw failure(`invalid port format '${word}'`);
  return second === undefined ? [first, first] : [first, second];
}

function forwarding(word: string, local: string, remote: string): Forwarding {
  const [from, to] = [local === "" ? 0 : portOf(local), portOf(remote)];
  if (from === undefined) throw failure(`error parsing local port '${local}': invalid port in '${word}'`);
  if (to === undefined || to === 0)
    throw failure(remote === "0" ? "remote port must be > 0" : `invalid port '${word}'`);
  return { local: from, remote: to };
}

function portOf(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function namedPort({ spec, metadata }: Pod, name: string): number {
  if (name === "") throw failure("remote port cannot be empty");
  const found = spec?.containers.flatMap(({ ports = [] }) => ports).find((port) => port.name === name);
  if (found !== undefined) return found.containerPort;
  throw failure(`Pod '${metadata.name}' does not have a named port '${name}'`);
}

function failure(message: string): KubeFailure {
  return new KubeFailure(`error: ${message}`);
}
