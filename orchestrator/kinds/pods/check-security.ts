import type { Container, PodSpec } from "#api/kube/types/core-pods.ts";
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
} from "#orchestrator/machinery/field-error.ts";
import { checkRange, type Findings } from "../check.ts";
import { checkLocalDescendingPath } from "./check-mounts.ts";

const greatestId = 2 ** 31 - 1;
const seccompTypes = ["Localhost", "RuntimeDefault", "Unconfined"];
const sysctl = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

type Profile = { readonly type: string; readonly localhostProfile?: string } | undefined;

function checkSeccomp(into: Findings, path: string, profile: Profile): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  if (type === "Localhost") {
    if (localhostProfile === undefined)
      into.push(required(`${path}.localhostProfile`, "must be set when seccomp type is Localhost"));
    else checkLocalDescendingPath(into, `${path}.localhostProfile`, localhostProfile);
    return;
  }
  if (localhostProfile !== undefined)
    into.push(
      invalid(`${path}.localhostProfile`, localhostProfile, "can only be set when seccomp type is Localhost"),
    );
  if ((type ?? "") === "") into.push(required(`${path}.type`, "type is required when seccompProfile is set"));
  else if (!seccompTypes.includes(type)) into.push(notSupported(`${path}.type`, type, seccompTypes));
}

/** Of a container. */
export function checkSecurityContext(
  into: Findings,
  path: string,
  context: Container["securityContext"],
): void {
  if (context === undefined) return;
  const { runAsUser, runAsGroup, privileged, allowPrivilegeEscalation, capabilities, procMount } = context;
  checkRange(into, `${path}.runAsUser`, runAsUser, 0, greatestId);
  checkRange(into, `${path}.runAsGroup`, runAsGroup, 0, greatestId);
  if (procMount !== undefined && !["Default", "Unmasked"].includes(procMount))
    into.push(notSupported(`${path}.procMount`, procMount, ["Default", "Unmasked"]));
  checkSeccomp(into, `${path}.seccompProfile`, context.seccompProfile);
  if (allowPrivilegeEscalation !== false) return;
  if (privileged === true)
    into.push(
      invalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
    );
  if (capabilities?.add?.includes("CAP_SYS_ADMIN") === true)
    into.push(
      invalid(
        path,
        context,
        "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
      ),
    );
}

/** Of a pod. */
export function checkPodSecurity(into: Findings, path: string, spec: PodSpec): void {
  const { securityContext: context } = spec;
  if (context === undefined) return;
  const own = `${path}.securityContext`;
  checkRange(into, `${own}.fsGroup`, context.fsGroup, 0, greatestId);
  checkRange(into, `${own}.runAsUser`, context.runAsUser, 0, greatestId);
  checkRange(into, `${own}.runAsGroup`, context.runAsGroup, 0, greatestId);
  for (const [at, group] of (context.supplementalGroups ?? []).entries())
    checkRange(into, `${own}.supplementalGroups[${at}]`, group, 0, greatestId);
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    into.push(
      invalid(
        `${path}.shareProcessNamespace`,
        true,
        "ShareProcessNamespace and HostPID cannot both be enabled",
      ),
    );
  checkSysctls(into, `${own}.sysctls`, context.sysctls ?? [], spec);
  checkSeccomp(into, `${own}.seccompProfile`, context.seccompProfile);
  const change = context.fsGroupChangePolicy;
  if (change !== undefined && !["Always", "OnRootMismatch"].includes(change))
    into.push(notSupported(`${own}.fsGroupChangePolicy`, change, ["Always", "OnRootMismatch"]));
}

function checkSysctls(
  into: Findings,
  path: string,
  sysctls: readonly { readonly name: string }[],
  { hostNetwork, hostIPC }: PodSpec,
): void {
  const seen = new Set<string>();
  for (const [at, { name }] of sysctls.entries()) {
    const own = `${path}[${at}].name`;
    if ((name ?? "") === "") into.push(required(own));
    else if (name.length > 253 || !sysctl.test(name))
      into.push(invalid(own, name, `must have at most 253 characters and match regex ${sysctl.source}`));
    else if (seen.has(name)) into.push(duplicate(own, name));
    seen.add(name);
    if (hostNetwork === true && /^net[./]/.test(name))
      into.push(invalid(own, name, "may not be specified when 'hostNetwork' is true"));
    if (hostIPC === true && /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/.test(name))
      into.push(invalid(own, name, "may not be specified when 'hostIPC' is true"));
  }
}

export function checkHostUsers(into: Findings, path: string, spec: PodSpec): void {
  if (spec.hostUsers !== false) return;
  const detail = "when `pod.Spec.HostUsers` is false";
  if (spec.hostNetwork === true) into.push(forbidden(`${path}.hostNetwork`, detail));
  if (spec.hostPID === true) into.push(forbidden(`${path}.HostPID`, detail));
  if (spec.hostIPC === true) into.push(forbidden(`${path}.HostIPC`, detail));
}
