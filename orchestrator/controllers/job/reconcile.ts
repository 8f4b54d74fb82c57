import { ignoreNotFound } from "#api/kube/status.ts";
import type { Job } from "#api/kube/types/batch.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { keyOf } from "#client/kube/kube-resource.ts";
import { jobs, pods } from "#client/kube/resources.ts";
import type { EventRecorder } from "#orchestrator/informers/event-recorder.ts";
import type { IndexedCache } from "#orchestrator/informers/indexed-cache.ts";
import { type Again, runController } from "#orchestrator/informers/run-controller.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { requirementsOf } from "#orchestrator/machinery/label-selector.ts";
import { timeOf } from "#orchestrator/machinery/time-text.ts";
import { claimObjects } from "../claim.ts";
import type { ControllerDeps } from "../controller-deps.ts";
import { Expectations } from "../expectations.ts";
import { byController, byOrphanage, controllerIndex, controllerOf, orphanIndex } from "../owner.ts";
import { createPods, deletePods, ownerKeyOf, watchOwnedPods } from "../pods/expected-pods.ts";
import { jobPod } from "./job-pods.ts";
import { trackingFinalizer } from "./count-pods.ts";
import { isFinishedJob, type JobPlan, planJob } from "./plan.ts";

interface Working {
  readonly deps: ControllerDeps;
  readonly jobs: IndexedCache<Job>;
  readonly pods: IndexedCache<Pod>;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
}

/** Runs Jobs to their end, counts every pod once, and removes Jobs whose time after that is over. */
export async function startJobController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const own = deps.informers.of(jobs);
  const podInformer = deps.informers.of(pods);
  podInformer.cache.addIndex(controllerIndex, byController);
  podInformer.cache.addIndex(orphanIndex, byOrphanage);
  const expectations = new Expectations(() => deps.timers.now());
  const events = deps.events.recorder("job-controller");
  const working: Working = { deps, jobs: own.cache, pods: podInformer.cache, expectations, events };
  const controller = {
    name: "job-controller",
    reconcile: (key: string, signal: AbortSignal) => reconcile(working, key, signal),
  };
  const ready = Promise.all([own.synced(signal), podInformer.synced(signal)]);
  const { queue, ended } = runController(deps, controller, signal, { ready });
  const enqueue = (job: Job) => queue.add(keyOf(job));
  own.handle({
    added: enqueue,
    updated: enqueue,
    deleted(job) {
      expectations.forget(keyOf(job));
      for (const pod of podInformer.cache.by(controllerIndex, job.metadata.uid ?? ""))
        queue.add(`pod:${keyOf(pod)}`);
    },
  });
  watchOwnedPods(podInformer, "Job", expectations, queue);
  const lookForOwner = (pod: Pod) => {
    const key = ownerKeyOf("Job", pod);
    if (key !== undefined && own.cache.get(key) === undefined) queue.add(`pod:${keyOf(pod)}`);
  };
  podInformer.handle({ added: (pod) => own.hasSynced && lookForOwner(pod), updated: lookForOwner });
  await ended;
}

async function reconcile(working: Working, key: string, signal: AbortSignal): Promise<Again | undefined> {
  if (key.startsWith("pod:")) return await freeOrphan(working, key.slice(4), signal);
  const job = working.jobs.get(key);
  if (
    job === undefined ||
    (job.spec.managedBy ?? "kubernetes.io/job-controller") !== "kubernetes.io/job-controller"
  )
    return undefined;
  const { deps, expectations } = working;
  const selector = requirementsOf(job.spec.selector) ?? [];
  const claim = { owner: job, ownerResource: jobs, resource: pods, cache: working.pods, selector };
  if (isFinishedJob(job)) return await afterwards(working, job, signal);
  const mayAct = expectations.areMet(key);
  const own = await claimObjects(deps.kube, claim, signal);
  const plan = planJob(job, own, deps.timers.now());
  await writeStatus(working, job, plan, signal);
  for (const pod of plan.free) await free(working, pod, signal);
  if (mayAct && job.metadata.deletionTimestamp === undefined) await act(working, job, plan, signal);
  return plan.afterMs === undefined ? undefined : { afterMs: plan.afterMs };
}

async function writeStatus(
  { deps, events }: Working,
  job: Job,
  { status, event }: JobPlan,
  signal: AbortSignal,
): Promise<void> {
  if (isSameJson(status, job.status ?? {})) return;
  await deps.kube.of(jobs).updateStatus({ ...job, status }, signal);
  if (event !== undefined) events.record(job, event.type, event.reason, event.message);
}

async function act(working: Working, job: Job, plan: JobPlan, signal: AbortSignal): Promise<void> {
  const { deps, expectations, events } = working;
  const control = { kube: deps.kube, events, expectations };
  const podAt = (at: number) => jobPod(job, plan.create[at] ?? {});
  const notMade = await createPods(control, job, plan.create.length, podAt, signal);
  if (notMade !== undefined) throw notMade;
  const notRemoved = await deletePods(control, job, plan.remove, signal);
  if (notRemoved !== undefined) throw notRemoved;
}

/** Lets a pod go that has been counted. */
async function free({ deps }: Working, pod: Pod, signal: AbortSignal): Promise<void> {
  const finalizers = (pod.metadata.finalizers ?? []).filter((finalizer) => finalizer !== trackingFinalizer);
  const { namespace, name = "", uid } = pod.metadata;
  const patch = { metadata: { uid, finalizers: finalizers.length === 0 ? null : finalizers } };
  const client = deps.kube.of(pods);
  await client.patch({ namespace, name }, patch, { type: "merge" }, signal).catch(ignoreNotFound);
}

/** A pod whose Job has gone is counted by nobody. */
async function freeOrphan(working: Working, key: string, signal: AbortSignal): Promise<undefined> {
  const pod = working.pods.get(key);
  if (pod?.metadata.finalizers?.includes(trackingFinalizer) !== true) return undefined;
  const owner = working.jobs.get(`${pod.metadata.namespace}/${controllerOf(pod)?.name}`);
  if (owner !== undefined && owner.metadata.uid === controllerOf(pod)?.uid) return undefined;
  await free(working, pod, signal);
  return undefined;
}

async function afterwards(working: Working, job: Job, signal: AbortSignal): Promise<Again | undefined> {
  const { deps, pods: cache } = working;
  const left = [...cache.by(controllerIndex, job.metadata.uid ?? "")];
  for (const pod of left)
    if (pod.metadata.finalizers?.includes(trackingFinalizer) === true) await free(working, pod, signal);
  const { ttlSecondsAfterFinished } = job.spec;
  if (ttlSecondsAfterFinished === undefined || job.metadata.deletionTimestamp !== undefined) return undefined;
  const end = job.status?.conditions?.find(
    ({ type, status }) => (type === "Complete" || type === "Failed") && status === "True",
  );
  const leftMs = timeOf(end?.lastTransitionTime) + ttlSecondsAfterFinished * 1000 - deps.timers.now();
  if (leftMs > 0) return { afterMs: leftMs };
  const { namespace, name = "", uid = "" } = job.metadata;
  const options = { propagationPolicy: "Foreground", preconditions: { uid } } as const;
  await deps.kube.of(jobs).delete({ namespace, name }, options, signal).catch(ignoreNotFound);
  return undefined;
}
