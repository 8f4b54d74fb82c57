import { isStatus } from "#api/kube/status.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim } from "#api/kube/types/core.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { StorageClass } from "#api/kube/types/storage.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { isBound } from "#orchestrator/machinery/volume-match.ts";
import type { ControllerDeps, StartController } from "../controller-deps.ts";
import { dropFinalizer, waitsFor } from "../finalizers.ts";
import { isFinished } from "../pods/pod-facts.ts";
import {
  boundClaim,
  claimedVolume,
  isClaimedBy,
  isProvisioned,
  localVolume,
  planClaim,
  provisioner,
} from "./plan.ts";

export interface VolumeFacts {
  /** Absolute; where the volumes of nodes are, on each of them. */
  readonly folder: string;
  /** Removes a volume's folder, if it is on this machine. */
  readonly removeFolder: (path: string) => void;
}

interface Working {
  readonly deps: ControllerDeps;
  readonly facts: VolumeFacts;
  readonly claims: IndexedCache<PersistentVolumeClaim>;
  readonly volumes: IndexedCache<PersistentVolume>;
  readonly classes: IndexedCache<StorageClass>;
  readonly nodes: IndexedCache<Node>;
  readonly pods: IndexedCache<Pod>;
  readonly events: EventRecorder;
}

const claimIndex = "claim";

/** Binds claims to volumes, makes volumes of nodes' folders, and lets both go when nobody uses them. */
export function persistentVolumeController(facts: VolumeFacts): StartController {
  return async (deps, signal) => {
    const claims = deps.informers.of(persistentVolumeClaims);
    const volumes = deps.informers.of(persistentVolumes);
    const classes = deps.informers.of(storageClasses);
    const nodeInformer = deps.informers.of(nodes);
    const podInformer = deps.informers.of(pods);
    podInformer.cache.addIndex(claimIndex, claimsOfPod);
    const working: Working = {
      deps,
      facts,
      claims: claims.cache,
      volumes: volumes.cache,
      classes: classes.cache,
      nodes: nodeInformer.cache,
      pods: podInformer.cache,
      events: deps.events.recorder("persistentvolume-controller"),
    };
    const controller = {
      name: "persistentvolume-controller",
      reconcile: (key: string, signal: AbortSignal) =>
        key.includes("/") ? syncClaim(working, key, signal) : syncVolume(working, key, signal),
    };
    const informers = [claims, volumes, classes, nodeInformer, podInformer];
    const ready = Promise.all(informers.map((informer) => informer.synced(signal)));
    // one at a time: two claims must not take the same volume
    const { queue, ended } = runController(deps, controller, signal, { ready, workers: 1 });
    const claimChanged = (claim: PersistentVolumeClaim) => {
      queue.add(keyOf(claim));
      if (claim.spec?.volumeName) queue.add(claim.spec.volumeName);
    };
    claims.handle({ added: claimChanged, updated: claimChanged, deleted: claimChanged });
    const waiting = () => {
      for (const claim of claims.cache.list()) if (!isBound(claim)) queue.add(keyOf(claim));
    };
    const volumeChanged = (volume: PersistentVolume) => {
      queue.add(keyOf(volume));
      const { claimRef } = volume.spec ?? {};
      if (claimRef === undefined) waiting();
      else queue.add(`${claimRef.namespace}/${claimRef.name}`);
    };
    volumes.handle({ added: volumeChanged, updated: volumeChanged, deleted: volumeChanged });
    classes.handle({ added: waiting });
    const podGone = (pod: Pod) => {
      for (const key of claimsOfPod(pod)) queue.add(key);
    };
    podInformer.handle({ updated: (pod) => isFinished(pod) && podGone(pod), deleted: podGone });
    await ready.catch(() => {});
    if (!signal.aborted) await ensureClass(deps, classes.cache, signal);
    await ended;
  };
}

function claimsOfPod({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral && `${metadata.name}-${name}`);
    return claim === undefined ? [] : [`${metadata.namespace}/${claim}`];
  });
}

/** A cluster without any class gets one, so that claims that name none have volumes. */
async function ensureClass(
  deps: ControllerDeps,
  cache: IndexedCache<StorageClass>,
  signal: AbortSignal,
): Promise<void> {
  if (cache.size > 0) return;
  const storage: StorageClass = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "local-path", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner,
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
  };
  await deps.kube
    .of(storageClasses)
    .create(storage, signal)
    .catch((error: unknown) => {
      if (!isStatus(error, "AlreadyExists") && !signal.aborted)
        deps.log.warn("the default StorageClass was not made", { error });
    });
}

async function syncClaim(working: Working, key: string, signal: AbortSignal): Promise<void> {
  const claim = working.claims.get(key);
  if (claim === undefined) return;
  if (claim.metadata.deletionTimestamp !== undefined) return await releaseClaim(working, claim, key, signal);
  const storage = working.classes.get(claim.spec?.storageClassName ?? "");
  if (isBound(claim)) {
    const volume = working.volumes.get(claim.spec?.volumeName ?? "");
    if (volume !== undefined && isClaimedBy(volume, claim)) await tellClaim(working, claim, volume, signal);
    else if (volume === undefined) await tellLost(working, claim, signal);
    return;
  }
  const step = planClaim(claim, working.volumes.list(), storage, (name) => working.nodes.get(name));
  if (step.do === "bind") return await bind(working, claim, step.volume, signal);
  if (step.do === "wait") {
    working.events.record(claim, step.type, step.reason, step.message);
    if (claim.status?.phase !== "Pending") await writePhase(working, claim, { phase: "Pending" }, signal);
    return;
  }
  const node = working.nodes.get(step.node);
  if (node === undefined || storage === undefined) return;
  const volume = localVolume(claim, storage, node, working.facts.folder);
  try {
    await working.deps.kube.of(persistentVolumes).create(volume, signal);
    working.events.record(
      claim,
      "Normal",
      "ProvisioningSucceeded",
      `Successfully provisioned volume ${volume.metadata.name}`,
    );
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

async function bind(
  working: Working,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  signal: AbortSignal,
): Promise<void> {
  const { kube } = working.deps;
  const isClaimed = volume.spec?.claimRef?.uid === claim.metadata.uid;
  const claimed = isClaimed
    ? volume
    : await kube.of(persistentVolumes).update(claimedVolume(volume, claim), signal);
  if (claimed.status?.phase !== "Bound")
    await kube
      .of(persistentVolumes)
      .updateStatus({ ...claimed, status: { ...claimed.status, phase: "Bound" } }, signal);
  const bound = await kube.of(persistentVolumeClaims).update(boundClaim(claim, claimed), signal);
  await tellClaim(working, bound, claimed, signal);
}

async function tellClaim(
  working: Working,
  claim: PersistentVolumeClaim,
  { spec }: PersistentVolume,
  signal: AbortSignal,
): Promise<void> {
  const status = {
    phase: "Bound" as const,
    ...(spec?.accessModes && { accessModes: spec.accessModes }),
    ...(spec?.capacity && { capacity: spec.capacity }),
  };
  await writePhase(working, claim, status, signal);
}

async function tellLost(working: Working, claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
  if (claim.status?.phase === "Lost") return;
  const message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
  working.events.record(claim, "Warning", "ClaimLost", message);
  await writePhase(working, claim, { phase: "Lost" }, signal);
}

async function writePhase(
  { deps }: Working,
  claim: PersistentVolumeClaim,
  change: NonNullable<PersistentVolumeClaim["status"]>,
  signal: AbortSignal,
): Promise<void> {
  const status = { ...claim.status, ...change };
  if (isSameJson(status, claim.status ?? {})) return;
  await deps.kube.of(persistentVolumeClaims).updateStatus({ ...claim, status }, signal);
}

/** A claim goes when no pod uses it any more. */
async function releaseClaim(
  working: Working,
  claim: PersistentVolumeClaim,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  const protection = "kubernetes.io/pvc-protection";
  if (!waitsFor(claim, protection)) return;
  if ([...working.pods.by(claimIndex, key)].some((pod) => !isFinished(pod))) return;
  await dropFinalizer(working.deps.kube.of(persistentVolumeClaims), claim, protection, signal);
}

async function syncVolume(working: Working, name: string, signal: AbortSignal): Promise<void> {
  const volume = working.volumes.get(name);
  if (volume === undefined) return;
  const client = working.deps.kube.of(persistentVolumes);
  const { claimRef } = volume.spec ?? {};
  const claim =
    claimRef === undefined ? undefined : working.claims.get(`${claimRef.namespace}/${claimRef.name}`);
  const isTaken = claim !== undefined && (claimRef?.uid === undefined || claimRef.uid === claim.metadata.uid);
  if (volume.metadata.deletionTimestamp !== undefined) {
    const protection = "kubernetes.io/pv-protection";
    if (!isTaken && waitsFor(volume, protection)) await dropFinalizer(client, volume, protection, signal);
    return;
  }
  const phase =
    claimRef === undefined ? "Available" : isTaken || claimRef.uid === undefined ? undefined : "Released";
  const wanted =
    phase ?? (claim !== undefined && isBound(claim) ? "Bound" : (volume.status?.phase ?? "Available"));
  const told =
    volume.status?.phase === wanted
      ? volume
      : await client.updateStatus({ ...volume, status: { ...volume.status, phase: wanted } }, signal);
  if (phase === "Released" && volume.spec?.persistentVolumeReclaimPolicy === "Delete")
    await reclaim(working, told, signal);
}

async function reclaim(
  { deps, facts }: Working,
  volume: PersistentVolume,
  signal: AbortSignal,
): Promise<void> {
  const path = volume.spec?.hostPath?.path;
  if (!isProvisioned(volume) || path === undefined || !isFolderIn(facts.folder, path)) return;
  facts.removeFolder(path);
  await deps.kube.of(persistentVolumes).delete({ name: volume.metadata.name ?? "" }, {}, signal);
}

/** Right in it: whoever may write volumes must not have other folders removed. */
function isFolderIn(folder: string, path: string): boolean {
  const name = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : "";
  return /^pvc-[^/]+$/.test(name);
}
