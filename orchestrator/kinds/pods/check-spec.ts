import type { PodSpec, PodTemplateSpec } from "#api/kube/types/core-pods.ts";
import { duplicate, forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import { qualifiedNameComplaints, subdomainComplaints } from "#orchestrator/machinery/names.ts";
import { annotationErrors, labelErrors } from "#orchestrator/machinery/object-meta.ts";
import {
  checkIp,
  checkName,
  checkNonNegativeQuantity,
  checkRequiredSupported,
  checkSupported,
  type Findings,
} from "../check.ts";
import {
  checkContainers,
  checkEphemeralContainers,
  checkHostNetworkPorts,
  checkInitContainers,
  checkLabelName,
  podScopeOf,
} from "./check-containers.ts";
import { checkResources } from "./check-resources.ts";
import {
  checkAffinity,
  checkDeadline,
  checkSpread,
  checkTolerations,
  preemptionPolicies,
} from "./check-scheduling.ts";
import { checkHostUsers, checkPodSecurity } from "./check-security.ts";
import { checkVolumes } from "./check-volumes.ts";

const restartPolicies = ["Always", "OnFailure", "Never"];
const dnsPolicies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/** All that is wrong with the specification of a pod, or of the template of one. */
export function checkPodSpec(into: Findings, path: string, spec: PodSpec, isTemplate = false): void {
  const scope = podScopeOf(spec);
  checkVolumes(into, `${path}.volumes`, spec.volumes ?? [], isTemplate);
  checkContainers(into, `${path}.containers`, scope);
  checkInitContainers(into, `${path}.initContainers`, scope);
  checkEphemeralContainers(into, `${path}.ephemeralContainers`, scope);
  if (spec.resources !== undefined) checkResources(into, `${path}.resources`, spec.resources, scope.claims);
  checkHostNetworkPorts(into, path, spec, !isTemplate);
  checkRequiredSupported(into, `${path}.restartPolicy`, spec.restartPolicy, restartPolicies);
  checkRequiredSupported(into, `${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies);
  into.push(...labelErrors(spec.nodeSelector ?? {}, `${path}.nodeSelector`));
  checkPodSecurity(into, path, spec);
  checkHostUsers(into, path, spec);
  checkAffinity(into, `${path}.affinity`, spec.affinity);
  checkDns(into, `${path}.dnsConfig`, spec);
  checkGates(into, path, spec);
  checkSpread(into, `${path}.topologySpreadConstraints`, spec.topologySpreadConstraints ?? []);
  checkNames(into, path, spec);
  checkDeadline(into, `${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, 1);
  checkTolerations(into, `${path}.tolerations`, spec.tolerations ?? []);
  checkHostAliases(into, `${path}.hostAliases`, spec.hostAliases ?? []);
  checkSupported(into, `${path}.preemptionPolicy`, spec.preemptionPolicy, preemptionPolicies);
  for (const [name, amount] of Object.entries(spec.overhead ?? {}))
    checkNonNegativeQuantity(into, `${path}.overhead[${name}]`, amount);
  if (spec.os !== undefined)
    checkRequiredSupported(into, `${path}.os.name`, spec.os.name, ["linux", "windows"]);
}

/** The same for a template with its labels. */
export function checkPodTemplate(into: Findings, path: string, template: PodTemplateSpec | undefined): void {
  const { metadata, spec } = template ?? {};
  into.push(...labelErrors(metadata?.labels ?? {}, `${path}.labels`));
  into.push(...annotationErrors(metadata?.annotations ?? {}, `${path}.annotations`));
  if (spec === undefined) into.push(required(`${path}.spec.containers`));
  else checkPodSpec(into, `${path}.spec`, spec, true);
  if ((spec?.ephemeralContainers?.length ?? 0) > 0)
    into.push(
      forbidden(`${path}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"),
    );
}

function checkNames(into: Findings, path: string, spec: PodSpec): void {
  for (const name of ["serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"] as const) {
    const value = spec[name] ?? "";
    if (value !== "") checkName(into, `${path}.${name}`, value, subdomainComplaints);
  }
  checkLabelName(into, `${path}.hostname`, spec.hostname);
  checkLabelName(into, `${path}.subdomain`, spec.subdomain);
}

function checkGates(into: Findings, path: string, spec: PodSpec): void {
  for (const [at, { conditionType }] of (spec.readinessGates ?? []).entries())
    checkName(
      into,
      `${path}.readinessGates[${at}].conditionType`,
      conditionType ?? "",
      qualifiedNameComplaints,
    );
  const seen = new Set<string>();
  for (const [at, { name }] of (spec.schedulingGates ?? []).entries()) {
    checkName(into, `${path}.schedulingGates[${at}]`, name ?? "", qualifiedNameComplaints);
    if (seen.has(name)) into.push(duplicate(`${path}.schedulingGates[${at}]`, name));
    seen.add(name);
  }
}

const [mostNameservers, mostSearches, mostSearchCharacters] = [3, 32, 2048];

function checkDns(into: Findings, path: string, { dnsPolicy, dnsConfig }: PodSpec): void {
  if (dnsPolicy === "None") {
    if (dnsConfig === undefined)
      return void into.push(required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
    if ((dnsConfig.nameservers ?? []).length === 0)
      return void into.push(
        required(`${path}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None"),
      );
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (nameservers.length > mostNameservers)
    into.push(
      invalid(`${path}.nameservers`, nameservers, `must not have more than ${mostNameservers} nameservers`),
    );
  for (const [at, address] of nameservers.entries()) checkIp(into, `${path}.nameservers[${at}]`, address);
  if (searches.length > mostSearches)
    into.push(invalid(`${path}.searches`, searches, `must not have more than ${mostSearches} search paths`));
  if (searches.join(" ").length > mostSearchCharacters) {
    const text = `must not have more than ${mostSearchCharacters} characters (including spaces) in the search list`;
    into.push(invalid(`${path}.searches`, searches, text));
  }
  for (const [at, search] of searches.entries()) {
    // Underscores are taken as SRV records have them.
    const name = search.replace(/\.$/, "").replaceAll("_", "a");
    if (search !== ".") checkName(into, `${path}.searches[${at}]`, name, subdomainComplaints);
  }
  for (const [at, { name }] of options.entries())
    if ((name ?? "") === "") into.push(required(`${path}.options[${at}]`, "must not be empty"));
}

function checkHostAliases(into: Findings, path: string, aliases: NonNullable<PodSpec["hostAliases"]>): void {
  for (const [at, { ip, hostnames = [] }] of aliases.entries()) {
    checkIp(into, `${path}[${at}].ip`, ip ?? "");
    for (const [index, hostname] of hostnames.entries())
      checkName(into, `${path}[${at}].hostnames[${index}]`, hostname, subdomainComplaints);
  }
}
