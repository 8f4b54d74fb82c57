import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  Probe,
  ResourceRequirements,
} from "#api/kube/types/core-pods.ts";
import { findJsonPath, textOf, valuesAt } from "#orchestrator/machinery/json-path.ts";
import { type Description, timeText } from "./description.ts";

type Env = NonNullable<Container["env"]>[number];

/** Of a pod, or of its template, which has no states. */
export function describeContainers(
  to: Description,
  label: string,
  containers: readonly Container[],
  statuses: readonly ContainerStatus[],
  pod: Pod | undefined,
): void {
  const isInTemplate = pod === undefined;
  to.line(0, `${isInTemplate ? "  " : ""}${label}:${containers.length === 0 ? " <none>" : ""}`);
  for (const container of containers) {
    const status = statuses.find(({ name }) => name === container.name);
    to.line(1, `${isInTemplate ? " " : ""}${container.name}:`);
    describeBasics(to, container, status);
    describeWords(to, "Command", container.command);
    describeWords(to, "Args", container.args);
    if (status !== undefined) describeStates(to, status);
    describeResources(to, container.resources);
    describeProbe(to, "Liveness", container.livenessProbe);
    describeProbe(to, "Readiness", container.readinessProbe);
    describeProbe(to, "Startup", container.startupProbe);
    describeEnvFrom(to, container);
    describeEnv(to, container, pod);
    describeMounts(to, container);
  }
}

function describeBasics(to: Description, container: Container, status: ContainerStatus | undefined): void {
  if (status !== undefined) to.line(2, "Container ID:", status.containerID ?? "");
  to.line(2, "Image:", container.image);
  if (status !== undefined) to.line(2, "Image ID:", status.imageID);
  const ports = (number: "containerPort" | "hostPort") =>
    (container.ports ?? []).map((port) => {
      const text = `${port[number] ?? 0}/${port.protocol ?? ""}`;
      return port.name === undefined ? text : `${text} (${port.name})`;
    });
  for (const [label, found] of [
    ["Port", ports("containerPort")],
    ["Host Port", ports("hostPort")],
  ] as const)
    to.line(2, `${label}${found.length > 1 ? "s" : ""}:`, found.join(", ") || "<none>");
  const profile = container.securityContext?.seccompProfile;
  if (profile === undefined) return;
  to.line(2, "SeccompProfile:", profile.type);
  if (profile.type === "Localhost") to.line(3, "LocalhostProfile:", profile.localhostProfile);
}

function describeWords(to: Description, title: string, words: readonly string[] | undefined): void {
  if (words === undefined || words.length === 0) return;
  to.line(2, `${title}:`);
  for (const word of words) for (const line of word.split("\n")) to.line(3, line);
}

function describeStates(to: Description, { state, lastState, ready, restartCount }: ContainerStatus): void {
  describeState(to, "State", state ?? {});
  if (lastState?.terminated !== undefined) describeState(to, "Last State", lastState);
  to.line(2, "Ready:", ready ? "True" : "False");
  to.line(2, "Restart Count:", restartCount);
}

function describeState(
  to: Description,
  title: string,
  { running, waiting, terminated }: ContainerState,
): void {
  if (running !== undefined) {
    to.line(2, `${title}:`, "Running");
    to.line(3, "Started:", timeText(running.startedAt));
    return;
  }
  if (terminated === undefined) {
    to.line(2, `${title}:`, "Waiting");
    if ((waiting?.reason ?? "") !== "") to.line(3, "Reason:", waiting?.reason);
    return;
  }
  to.line(2, `${title}:`, "Terminated");
  if ((terminated.reason ?? "") !== "") to.line(3, "Reason:", terminated.reason);
  if ((terminated.message ?? "") !== "") to.line(3, "Message:", terminated.message);
  to.line(3, "Exit Code:", terminated.exitCode);
  if ((terminated.signal ?? 0) > 0) to.line(3, "Signal:", terminated.signal);
  to.line(3, "Started:", timeText(terminated.startedAt));
  to.line(3, "Finished:", timeText(terminated.finishedAt));
}

function describeResources(to: Description, resources: ResourceRequirements | undefined): void {
  for (const [title, list] of [
    ["Limits", resources?.limits],
    ["Requests", resources?.requests],
  ] as const) {
    const names = Object.keys(list ?? {}).sort();
    if (names.length > 0) to.line(2, `${title}:`);
    for (const name of names) to.line(3, `${name}:`, list?.[name]);
  }
}

function describeProbe(to: Description, title: string, probe: Probe | undefined): void {
  if (probe !== undefined) to.line(2, `${title}:`, probeText(probe));
}

function probeText(probe: Probe): string {
  const {
    initialDelaySeconds = 0,
    timeoutSeconds,
    periodSeconds,
    successThreshold,
    failureThreshold,
  } = probe;
  const { exec, httpGet, tcpSocket, grpc } = probe;
  const attributes = `delay=${initialDelaySeconds}s timeout=${timeoutSeconds}s period=${periodSeconds}s #success=${successThreshold} #failure=${failureThreshold}`;
  if (exec !== undefined) return `exec [${(exec.command ?? []).join(" ")}] ${attributes}`;
  if (httpGet !== undefined) {
    const { scheme = "", host = "", port, path = "" } = httpGet;
    const place = host.includes(":") ? `[${host}]` : host;
    return `http-get ${scheme.toLowerCase()}://${place}:${port}${path} ${attributes}`;
  }
  if (tcpSocket !== undefined) return `tcp-socket ${tcpSocket.host ?? ""}:${tcpSocket.port} ${attributes}`;
  return grpc === undefined
    ? `unknown ${attributes}`
    : `grpc <pod>:${grpc.port} ${grpc.service ?? ""} ${attributes}`;
}

function describeEnvFrom(to: Description, { envFrom = [] }: Container): void {
  if (envFrom.length === 0) return;
  to.line(2, "Environment Variables from:");
  for (const { configMapRef, secretRef, prefix = "" } of envFrom) {
    const { name, optional = false } = configMapRef ?? secretRef ?? {};
    const kind = configMapRef === undefined ? "Secret" : "ConfigMap";
    to.line(3, name, prefix === "" ? kind : `${kind} with prefix '${prefix}'`, `Optional: ${optional}`);
  }
}

function describeEnv(to: Description, container: Container, pod: Pod | undefined): void {
  const { env = [] } = container;
  if (env.length === 0) return to.line(2, "Environment:", "<none>");
  to.line(2, "Environment:");
  for (const one of env) {
    if (one.valueFrom === undefined)
      (one.value ?? "").split("\n").forEach((line, at) => to.line(3, at === 0 ? `${one.name}:` : "", line));
    else describeSource(to, one, container, pod);
  }
}

function describeSource(
  to: Description,
  { name, valueFrom = {} }: Env,
  container: Container,
  pod: Pod | undefined,
): void {
  const { fieldRef, resourceFieldRef, secretKeyRef, configMapKeyRef } = valueFrom;
  if (fieldRef !== undefined)
    to.line(
      3,
      `${name}:`,
      `${fieldText(pod, fieldRef.fieldPath)} (${fieldRef.apiVersion ?? ""}:${fieldRef.fieldPath})`,
    );
  else if (resourceFieldRef !== undefined)
    to.line(
      3,
      `${name}:`,
      `${resourceText(container, resourceFieldRef.resource)} (${resourceFieldRef.resource})`,
    );
  else if (secretKeyRef !== undefined)
    to.line(
      3,
      `${name}:`,
      `<set to the key '${secretKeyRef.key}' in secret '${secretKeyRef.name}'>`,
      `Optional: ${secretKeyRef.optional ?? false}`,
    );
  else if (configMapKeyRef !== undefined)
    to.line(
      3,
      `${name}:`,
      `<set to the key '${configMapKeyRef.key}' of config map '${configMapKeyRef.name}'>`,
      `Optional: ${configMapKeyRef.optional ?? false}`,
    );
}

function fieldText(pod: Pod | undefined, path: string): string {
  const steps = findJsonPath(`.${path}`);
  if (pod === undefined || steps === undefined) return "";
  return valuesAt(steps, pod).map(textOf).join(" ");
}

function resourceText({ resources = {} }: Container, name: string): string {
  const [which, resource = ""] = name.split(".");
  const list = which === "limits" ? resources.limits : resources.requests;
  const value = list?.[resource];
  if (value !== undefined) return String(value);
  return which === "limits" ? "node allocatable" : "0";
}

function describeMounts(to: Description, { volumeMounts = [], volumeDevices = [] }: Container): void {
  if (volumeMounts.length === 0) to.line(2, "Mounts:", "<none>");
  else to.line(2, "Mounts:");
  for (const mount of volumeMounts.toSorted((a, b) => (a.mountPath < b.mountPath ? -1 : 1))) {
    const flags = [mount.readOnly === true ? "ro" : "rw"];
    if ((mount.subPath ?? "") !== "") flags.push(`path=${JSON.stringify(mount.subPath)}`);
    to.line(3, `${mount.mountPath} from ${mount.name} (${flags.join(",")})`);
  }
  if (volumeDevices.length === 0) return;
  to.line(2, "Devices:");
  for (const { devicePath, name } of volumeDevices) to.line(3, `${devicePath} from ${name}`);
}
