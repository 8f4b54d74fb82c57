import { persistentVolumeClaims, persistentVolumes } from "#client/kube/resources.ts";
import { ImagePuller } from "./image-puller.ts";
import { findMirror, type MirrorDeps } from "./mirror-pods.ts";
import { type NodeDeps, tellPod } from "./node-deps.ts";
import type { NodeReporter } from "./node-reporter.ts";
import type { ObjectWatches } from "./object-watches.ts";
import { type ActionDeps, PodActions } from "./pod-actions.ts";
import type { PodWorkers } from "./pod-workers.ts";
import { isHostNetwork, isStatic, namespaceOf, uidOf } from "./pod.ts";
import { ContainerProbes } from "./probes/container-probes.ts";
import { RuntimeReader } from "./read-runtime.ts";
import { ServiceAccountTokens } from "./service-account-tokens.ts";
import { StatusWriter } from "./status-writer.ts";
import { findTrustBundle } from "./trust-bundle.ts";
import { PodVolumes, type VolumeSources } from "./volumes/pod-volumes.ts";

export interface ActionParts extends Pick<ActionDeps, "services" | "runtimeName" | "cgroup" | "pressures"> {
  readonly reporter: NodeReporter;
  readonly watches: ObjectWatches;
  readonly workers: PodWorkers;
  readonly mirrors: MirrorDeps;
}

/** What workers do with pods, made of the agent's parts; what must be closed is closed with the stack. */
export function openActions(deps: NodeDeps, parts: ActionParts, stack: AsyncDisposableStack): PodActions {
  const { cri, kube, timers } = deps;
  const { watches, workers, mirrors, services, runtimeName, cgroup, pressures } = parts;
  const tokens = new ServiceAccountTokens(kube, () => timers.now());
  const statuses = stack.use(new StatusWriter(deps));
  const sources = sourcesOf(deps, parts, tokens, statuses);
  const probes = stack.use(
    new ContainerProbes({
      cri,
      timers,
      changed: (uid) => workers.wake(uid),
      tell: (pod, container, type, reason, message) =>
        tellPod(deps, pod, container.name, type, reason, message),
    }),
  );
  return new PodActions({
    ...deps,
    services,
    runtimeName,
    cgroup,
    pressures,
    puller: new ImagePuller({ cri, now: () => timers.now() }),
    sources,
    reader: new RuntimeReader(cri),
    volumes: new PodVolumes(deps.folders, sources),
    probes,
    statuses,
    target: (pod) => (isStatic(pod) ? findMirror(mirrors, pod) : pod),
    others: (pod) => workers.running.filter((other) => uidOf(other) !== uidOf(pod)),
    release: (pod) => {
      watches.release(uidOf(pod));
      tokens.release(uidOf(pod));
    },
    refreshAt: (pod) => tokens.findRefresh(uidOf(pod)),
  });
}

function sourcesOf(
  { kube, hostIps }: NodeDeps,
  { reporter, watches }: ActionParts,
  tokens: ServiceAccountTokens,
  statuses: StatusWriter,
): VolumeSources {
  return {
    configMap: (pod, name, signal) => watches.configMap(uidOf(pod), namespaceOf(pod), name, signal),
    secret: (pod, name, signal) => watches.secret(uidOf(pod), namespaceOf(pod), name, signal),
    token: (pod, audience, seconds, signal) => tokens.get(pod, audience, seconds, signal),
    claim: (pod, name, signal) =>
      kube.of(persistentVolumeClaims).find({ namespace: namespaceOf(pod), name }, signal),
    persistentVolume: (name, signal) => kube.of(persistentVolumes).find({ name }, signal),
    trustBundle: (_pod, source, signal) => findTrustBundle(kube, source, signal),
    context: (pod) => ({
      pod,
      podIps: isHostNetwork(pod) ? hostIps : (statuses.find(uidOf(pod))?.podIPs ?? []).map(({ ip }) => ip),
      hostIps,
      allocatable: reporter.allocatable,
    }),
  };
}
