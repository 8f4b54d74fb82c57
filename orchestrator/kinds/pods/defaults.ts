import type {
  Container,
  EphemeralContainer,
  LifecycleHandler,
  PodSpec,
  Probe,
} from "#api/kube/types/core-pods.ts";
import type { Volume } from "#api/kube/types/core-volumes.ts";
import type { Writable } from "../edit.ts";
import { hasLatestTag } from "./image-name.ts";
import { defaultVolume } from "./volume-defaults.ts";

type Spec = Writable<PodSpec>;
type AnyContainer = Writable<Container> | Writable<EphemeralContainer>;

const defaultGracePeriodS = 30;

/** What upstream fills into the specification of a pod or of a template of one. */
export function defaultPodSpec(spec: Spec): void {
  spec.restartPolicy ??= "Always";
  spec.dnsPolicy ??= "ClusterFirst";
  spec.terminationGracePeriodSeconds ??= defaultGracePeriodS;
  spec.securityContext ??= {};
  spec.schedulerName ??= "default-scheduler";
  aliasServiceAccount(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume as Writable<Volume>);
  for (const container of containersOf(spec)) defaultContainer(container);
  if (spec.hostNetwork === true) for (const container of containersOf(spec)) mirrorHostPorts(container);
}

/** What only a pod itself gets. */
export function defaultPod(spec: Spec): void {
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])])
    requestLimits(container);
}

function containersOf(spec: Spec): readonly AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

/** The old name of the field is written beside the new one. */
function aliasServiceAccount(spec: Spec): void {
  const name = spec.serviceAccountName ?? spec.serviceAccount;
  if (name === undefined) return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

function defaultContainer(container: AnyContainer): void {
  container.imagePullPolicy ??= hasLatestTag(container.image ?? "") ? "Always" : "IfNotPresent";
  container.terminationMessagePath ??= "/dev/termination-log";
  container.terminationMessagePolicy ??= "File";
  for (const port of container.ports ?? []) port.protocol ??= "TCP";
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ??= "v1";
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false;
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) defaultProbe(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) {
    if (handler !== undefined) defaultHandler(handler);
  }
}

function defaultProbe(probe: Writable<Probe>): void {
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
  defaultHandler(probe);
}

function defaultHandler(handler: Writable<LifecycleHandler>): void {
  const { httpGet } = handler;
  if (httpGet === undefined) return;
  httpGet.path ??= "/";
  httpGet.scheme ??= "HTTP";
}

function mirrorHostPorts(container: AnyContainer): void {
  for (const port of container.ports ?? []) port.hostPort ??= port.containerPort;
}

/** Who limits a resource and asks for none of it, asks for as much. */
function requestLimits({ resources }: Writable<Container>): void {
  if (resources?.limits === undefined) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}
