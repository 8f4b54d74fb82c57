import type { Container, PodSpec } from "#api/kube/types/core-pods.ts";
import type { Volume } from "#api/kube/types/core-volumes.ts";
import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from "#orchestrator/machinery/field-error.ts";
import { labelComplaints, portComplaints, portNameComplaints } from "#orchestrator/machinery/names.ts";
import {
  checkName,
  checkRequiredName,
  checkRequiredSupported,
  checkSupported,
  type Findings,
} from "../check.ts";
import { checkEnv } from "./check-env.ts";
import { checkLifecycle, checkProbes } from "./check-handlers.ts";
import { checkMounts } from "./check-mounts.ts";
import { checkResources } from "./check-resources.ts";
import { checkSecurityContext } from "./check-security.ts";

/** What containers of one pod share. */
export interface PodScope {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claims: ReadonlySet<string>;
}

export function podScopeOf(spec: PodSpec): PodScope {
  return {
    spec,
    volumes: new Map((spec.volumes ?? []).map((volume) => [volume.name, volume])),
    claims: new Set((spec.resourceClaims ?? []).map(({ name }) => name)),
  };
}

export function checkContainers(into: Findings, path: string, scope: PodScope): void {
  const { terminationGracePeriodSeconds: graceS } = scope.spec;
  const containers = scope.spec.containers ?? [];
  if (containers.length === 0) return void into.push(required(path));
  const names = new Set<string>();
  for (const [at, container] of containers.entries()) {
    const own = `${path}[${at}]`;
    checkCommon(into, own, container, scope);
    if (names.has(container.name)) into.push(duplicate(`${own}.name`, container.name));
    names.add(container.name);
    checkLifecycle(into, `${own}.lifecycle`, container.lifecycle, graceS);
    checkProbes(into, own, container, graceS);
    if (container.restartPolicy !== undefined)
      into.push(forbidden(`${own}.restartPolicy`, "may not be set for non-init containers"));
  }
  checkHostPorts(into, path, containers);
}

const onlySidecars = "may not be set for init containers without restartPolicy=Always";

export function checkInitContainers(into: Findings, path: string, scope: PodScope): void {
  const { initContainers = [], containers, terminationGracePeriodSeconds: graceS } = scope.spec;
  const names = new Set((containers ?? []).map(({ name }) => name));
  for (const [at, container] of initContainers.entries()) {
    const own = `${path}[${at}]`;
    checkCommon(into, own, container, scope);
    checkSupported(into, `${own}.restartPolicy`, container.restartPolicy, ["Always"]);
    if (names.has(container.name)) into.push(duplicate(`${own}.name`, container.name));
    else if ((container.name ?? "") !== "") names.add(container.name);
    checkHostPorts(into, path, [container]);
    if (container.restartPolicy === "Always") {
      checkLifecycle(into, `${own}.lifecycle`, container.lifecycle, graceS);
      checkProbes(into, own, container, graceS);
      continue;
    }
    for (const name of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const)
      if (container[name] !== undefined) into.push(forbidden(`${own}.${name}`, onlySidecars));
  }
}

const ofOthers = [
  "ports",
  "lifecycle",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "resizePolicy",
] as const;
const notForEphemeral = "cannot be set for an Ephemeral Container";

export function checkEphemeralContainers(into: Findings, path: string, scope: PodScope): void {
  const { containers, initContainers = [], ephemeralContainers = [] } = scope.spec;
  const others = new Set([...(containers ?? []), ...initContainers].map(({ name }) => name));
  const names = new Set(others);
  for (const [at, container] of ephemeralContainers.entries()) {
    const own = `${path}[${at}]`;
    checkCommon(into, own, container, scope);
    if (names.has(container.name)) into.push(duplicate(`${own}.name`, container.name));
    names.add(container.name);
    const target = container.targetContainerName ?? "";
    if (target !== "" && !others.has(target)) into.push(notFound(`${own}.targetContainerName`, target));
    for (const name of ofOthers)
      if (container[name] !== undefined) into.push(forbidden(`${own}.${name}`, notForEphemeral));
    if (Object.keys(container.resources ?? {}).length > 0)
      into.push(forbidden(`${own}.resources`, notForEphemeral));
    for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
      for (const name of ["subPath", "subPathExpr"] as const)
        if ((mount[name] ?? "") !== "")
          into.push(forbidden(`${own}.volumeMounts[${index}].${name}`, notForEphemeral));
    }
  }
}

type AnyContainer = Container | NonNullable<PodSpec["ephemeralContainers"]>[number];

/** In the order in which upstream tells of it. */
function checkCommon(into: Findings, path: string, container: AnyContainer, scope: PodScope): void {
  checkRequiredName(into, `${path}.name`, container.name, labelComplaints);
  const image = container.image ?? "";
  if (image === "") into.push(required(`${path}.image`));
  else if (image.trim() !== image)
    into.push(invalid(`${path}.image`, image, "must not have leading or trailing whitespace"));
  checkRequiredSupported(into, `${path}.terminationMessagePolicy`, container.terminationMessagePolicy, [
    "File",
    "FallbackToLogsOnError",
  ]);
  checkPorts(into, `${path}.ports`, container.ports ?? []);
  checkEnv(into, path, container);
  checkMounts(into, path, container, scope.volumes);
  checkRequiredSupported(into, `${path}.imagePullPolicy`, container.imagePullPolicy, [
    "Always",
    "IfNotPresent",
    "Never",
  ]);
  checkResources(into, `${path}.resources`, container.resources, scope.claims);
  checkResizePolicy(into, `${path}.resizePolicy`, container, scope.spec.restartPolicy);
  checkSecurityContext(into, `${path}.securityContext`, container.securityContext);
}

function checkPorts(into: Findings, path: string, ports: NonNullable<Container["ports"]>): void {
  const names = new Set<string>();
  for (const [at, { name = "", containerPort, hostPort = 0, protocol }] of ports.entries()) {
    const own = `${path}[${at}]`;
    if (name !== "") {
      const complaints = portNameComplaints(name);
      for (const text of complaints) into.push(invalid(`${own}.name`, name, text));
      if (complaints.length === 0 && names.has(name)) into.push(duplicate(`${own}.name`, name));
      names.add(name);
    }
    if ((containerPort ?? 0) === 0) into.push(required(`${own}.containerPort`));
    else
      for (const text of portComplaints(containerPort))
        into.push(invalid(`${own}.containerPort`, containerPort, text));
    if (hostPort !== 0)
      for (const text of portComplaints(hostPort)) into.push(invalid(`${own}.hostPort`, hostPort, text));
    checkRequiredSupported(into, `${own}.protocol`, protocol, ["SCTP", "TCP", "UDP"]);
  }
}

function checkHostPorts(into: Findings, path: string, containers: readonly Container[]): void {
  const seen = new Set<string>();
  for (const [at, { ports = [] }] of containers.entries()) {
    for (const [index, { hostPort = 0, hostIP = "", protocol }] of ports.entries()) {
      if (hostPort === 0) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(key)) into.push(duplicate(`${path}[${at}].ports[${index}].hostPort`, key));
      seen.add(key);
    }
  }
}

function checkResizePolicy(
  into: Findings,
  path: string,
  { resizePolicy = [] }: Pick<Container, "resizePolicy">,
  restartPolicy: string | undefined,
): void {
  const seen = new Set<string>();
  for (const [at, policy] of resizePolicy.entries()) {
    const { resourceName, restartPolicy: own } = policy;
    if (seen.has(resourceName)) into.push(duplicate(`${path}[${at}]`, resourceName));
    seen.add(resourceName);
    if (!["cpu", "memory"].includes(resourceName))
      into.push(notSupported(path, resourceName, ["cpu", "memory"]));
    checkRequiredSupported(into, path, own, ["NotRequired", "RestartContainer"]);
    if (restartPolicy === "Never" && own !== "NotRequired")
      into.push(invalid(path, own, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
  }
}

/** Of what a network of the host's leaves no choice. */
export function checkHostNetworkPorts(into: Findings, path: string, spec: PodSpec, isPod: boolean): void {
  if (spec.hostNetwork !== true) return;
  for (const [at, { ports = [] }] of (spec.containers ?? []).entries()) {
    for (const [index, { hostPort = 0, containerPort }] of ports.entries()) {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort)
        into.push(
          invalid(
            `${path}.containers[${at}].ports[${index}].hostPort`,
            hostPort,
            "must match `containerPort` when `hostNetwork` is true",
          ),
        );
    }
  }
}

/** Of names that only DNS knows. */
export function checkLabelName(into: Findings, path: string, name: string | undefined): void {
  if (name !== undefined && name !== "") checkName(into, path, name, labelComplaints);
}
