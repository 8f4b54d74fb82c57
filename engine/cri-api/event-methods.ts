import { containerEventType, type ContainerEventResponse } from "#api/cri/messages.ts";
import type { runtimeService } from "#api/cri/services.ts";
import { Fault } from "#base/fault.ts";
import type { PodChange } from "#engine/pods/pods.ts";
import { statusesOf } from "./container-methods.ts";
import type { CriDeps } from "./cri-deps.ts";
import type { Answers } from "./methods.ts";
import { sandboxStatus } from "./views.ts";

const typeOf = {
  created: containerEventType.CONTAINER_CREATED_EVENT,
  started: containerEventType.CONTAINER_STARTED_EVENT,
  stopped: containerEventType.CONTAINER_STOPPED_EVENT,
  deleted: containerEventType.CONTAINER_DELETED_EVENT,
} as const satisfies Record<PodChange["action"], number>;

/** More than a client that does not read is owed: it is told to begin anew. */
const maxWaiting = 10_000;

/** @see kubernetes/cri-api, runtime.v1 RuntimeService GetContainerEvents */
export function eventMethods(deps: CriDeps): Pick<Answers<typeof runtimeService>, "getContainerEvents"> {
  return {
    getContainerEvents: async (_request, send, call) => {
      const waiting: ContainerEventResponse[] = [];
      let wake = () => {};
      let isBehind = false;
      using _following = deps.pods.follow((change) => {
        if (waiting.length < maxWaiting) waiting.push(eventOf(deps, change));
        else isBehind = true;
        wake();
      });
      call.open({});
      call.signal.addEventListener("abort", () => wake(), { once: true });
      while (!call.signal.aborted) {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await send(next);
        if (isBehind) throw new Fault("exhausted", "events came faster than they were read");
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        if (waiting.length === 0 && !call.signal.aborted) await promise;
      }
    },
  };
}

/** With the pod as it is at this moment. */
function eventOf(deps: CriDeps, { action, sandboxId, containerId }: PodChange): ContainerEventResponse {
  const sandbox = deps.pods.sandboxes.find(sandboxId);
  return {
    containerId: containerId ?? sandboxId,
    containerEventType: typeOf[action],
    createdAt: deps.now(),
    ...(sandbox !== undefined && {
      podSandboxStatus: sandboxStatus(sandbox),
      containersStatuses: statusesOf(deps, sandboxId),
    }),
  };
}
