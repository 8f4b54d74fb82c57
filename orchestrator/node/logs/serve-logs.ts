import type { ServerResponse } from "node:http";
import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import { labelOf } from "../labels.ts";
import type { NodeDeps } from "../node-deps.ts";
import { containerOf } from "../read-runtime.ts";
import type { RuntimeContainer } from "../runtime-pod.ts";
import type { LogsRequest } from "../server/node-request.ts";
import { readLog } from "./read-log.ts";

/** Sends a container's log, as far as is asked for, and goes on while it runs if that is wanted. */
export async function serveLogs(
  deps: NodeDeps,
  asked: LogsRequest,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const container = await findLogged(deps, asked, signal);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const either = AbortSignal.any([signal, gone.signal]);
  response.writeHead(200, { "Content-Type": "text/plain", "Transfer-Encoding": "chunked" });
  response.flushHeaders();
  const since =
    asked.sinceTime ??
    (asked.sinceMs === undefined ? undefined : new Date(deps.timers.now() - asked.sinceMs).toISOString());
  const isRunning = async () => {
    const { status } = await deps.cri.runtime.containerStatus({ containerId: container.id }, either);
    return status?.state === 1;
  };
  const options = { ...asked, ...(since === undefined ? {} : { since }), isRunning };
  for await (const bytes of readLog(container.logPath, options, either)) {
    if (!response.write(bytes) && !either.aborted)
      await once(response, "drain", { signal: either }).catch(() => {});
    if (either.aborted) break;
  }
  response.end();
}

/** @throws {Fault} `not-found`, or `invalid` while there is nothing to show yet */
async function findLogged(
  { cri }: NodeDeps,
  asked: LogsRequest,
  signal: AbortSignal,
): Promise<RuntimeContainer> {
  const labelSelector = new Map([
    [labelOf.podName, asked.pod],
    [labelOf.podNamespace, asked.namespace],
    [labelOf.containerName, asked.container],
  ]);
  const { containers } = await cri.runtime.listContainers({ filter: { labelSelector } }, signal);
  const newestFirst = containers.toSorted((a, b) => Number((b.createdAt ?? 0n) - (a.createdAt ?? 0n)));
  const chosen = newestFirst[asked.previous ? 1 : 0];
  if (chosen?.id === undefined) {
    const { container, pod } = asked;
    throw new Fault(
      "invalid",
      asked.previous
        ? `previous terminated container "${container}" in pod "${pod}" not found`
        : `container "${container}" in pod "${pod}" is waiting to start: ContainerCreating`,
    );
  }
  const { status } = await cri.runtime.containerStatus({ containerId: chosen.id }, signal);
  if (status === undefined) throw new Fault("not-found", `container "${asked.container}" not found`);
  return containerOf(status, "");
}
