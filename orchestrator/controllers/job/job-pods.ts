import type { Job } from "#api/kube/types/batch.ts";
import type { Container, Pod } from "#api/kube/types/core-pods.ts";
import { jobs } from "#client/kube/resources.ts";
import { podFromTemplate } from "../pods/pod-control.ts";
import { indexAnnotation, indexFailures, trackingFinalizer } from "./count-pods.ts";
import type { NewPod } from "./plan.ts";

/** A pod of a Job; one with an index knows it by its name, environment, label and annotation. */
export function jobPod(job: Job, { index, failures }: NewPod): Pod {
  const pod = podFromTemplate(job.spec.template, jobs, job);
  const finalizers = [...(pod.metadata.finalizers ?? []), trackingFinalizer];
  if (index === undefined) return { ...pod, metadata: { ...pod.metadata, finalizers } };
  const { name = "" } = job.metadata;
  const text = String(index);
  const annotations = {
    ...pod.metadata.annotations,
    [indexAnnotation]: text,
    ...(failures === undefined ? {} : { [indexFailures]: String(failures) }),
  };
  const metadata = {
    ...pod.metadata,
    finalizers,
    generateName: `${name}-${index}-`,
    labels: { ...pod.metadata.labels, [indexAnnotation]: text },
    annotations,
  };
  const spec = {
    ...pod.spec,
    hostname: pod.spec.hostname ?? `${name}-${index}`,
    containers: pod.spec.containers.map(withIndex),
    ...(pod.spec.initContainers && { initContainers: pod.spec.initContainers.map(withIndex) }),
  };
  return { ...pod, metadata, spec };
}

function withIndex(container: Container): Container {
  const { env = [] } = container;
  if (env.some(({ name }) => name === "JOB_COMPLETION_INDEX")) return container;
  const fieldRef = { fieldPath: `metadata.annotations['${indexAnnotation}']` };
  return { ...container, env: [...env, { name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef } }] };
}
