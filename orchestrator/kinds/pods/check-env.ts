import type { Container, EnvFromSource, EnvVar, EnvVarSource } from "#api/kube/types/core-pods.ts";
import type { ObjectFieldSelector, ResourceFieldSelector } from "#api/kube/types/core-volumes.ts";
import { invalid, notSupported, required } from "#orchestrator/machinery/field-error.ts";
import {
  configKeyComplaints,
  qualifiedNameComplaints,
  relaxedEnvNameComplaints,
  subdomainComplaints,
} from "#orchestrator/machinery/names.ts";
import { checkName, checkRequiredName, type Findings } from "../check.ts";

const envPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
const allPaths = [
  ...envPaths,
  "metadata.annotations",
  "metadata.labels",
  "spec.restartPolicy",
  "status.phase",
];
const resourceNames = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];
const byteDivisors = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

export function checkEnv(into: Findings, path: string, container: Pick<Container, "env" | "envFrom">): void {
  for (const [at, variable] of (container.env ?? []).entries()) {
    const own = `${path}.env[${at}]`;
    checkRequiredName(into, `${own}.name`, variable.name, relaxedEnvNameComplaints);
    if (variable.valueFrom !== undefined) checkSource(into, `${own}.valueFrom`, variable, variable.valueFrom);
  }
  for (const [at, source] of (container.envFrom ?? []).entries()) {
    checkEnvFrom(into, `${path}.envFrom`, at, source);
  }
}

function checkSource(into: Findings, path: string, variable: EnvVar, source: EnvVarSource): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef !== undefined) checkFieldRef(into, `${path}.fieldRef`, fieldRef, envPaths);
  if (resourceFieldRef !== undefined)
    checkResourceRef(into, `${path}.resourceFieldRef`, resourceFieldRef, false);
  for (const [name, selector] of Object.entries({ configMapKeyRef, secretKeyRef })) {
    if (selector === undefined) continue;
    checkName(into, `${path}.${name}.name`, selector.name ?? "", subdomainComplaints);
    checkRequiredName(into, `${path}.${name}.key`, selector.key, configKeyComplaints);
  }
  const given = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (each) => each !== undefined,
  );
  if (given.length === 0) {
    const text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`";
    into.push(invalid(path, "", text));
  } else if ((variable.value ?? "") !== "")
    into.push(invalid(path, "", "may not be specified when `value` is not empty"));
  else if (given.length > 1)
    into.push(invalid(path, "", "may not have more than one field specified at a time"));
}

/** @param allowed what may be named without a subscript */
export function checkFieldRef(
  into: Findings,
  path: string,
  { apiVersion = "", fieldPath }: ObjectFieldSelector,
  allowed: readonly string[],
): void {
  if (apiVersion === "") return void into.push(required(`${path}.apiVersion`));
  if ((fieldPath ?? "") === "") return void into.push(required(`${path}.fieldPath`));
  const [, base = fieldPath, subscript] = /^(.*)\['([^']*)'\]$/.exec(fieldPath) ?? [];
  if (apiVersion !== "v1" || !allPaths.includes(base)) {
    const reason =
      apiVersion === "v1"
        ? `field label not supported: ${fieldPath}`
        : `unsupported pod version: ${apiVersion}`;
    into.push(invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${reason}`));
  } else if (subscript === undefined) {
    if (!allowed.includes(base)) into.push(notSupported(`${path}.fieldPath`, base, allowed));
  } else if (base === "metadata.annotations")
    checkName(into, path, subscript.toLowerCase(), qualifiedNameComplaints);
  else if (base === "metadata.labels") checkName(into, path, subscript, qualifiedNameComplaints);
  else into.push(invalid(path, base, "does not support subscript"));
}

export function checkResourceRef(
  into: Findings,
  path: string,
  { containerName = "", resource, divisor = "0" }: ResourceFieldSelector,
  isVolume: boolean,
): void {
  const name = resource ?? "";
  const isHuge = /^(requests|limits)\.hugepages-/.test(name);
  if (isVolume && containerName === "") into.push(required(`${path}.containerName`));
  else if (name === "") into.push(required(`${path}.resource`));
  else if (!isHuge && !resourceNames.includes(name))
    into.push(notSupported(`${path}.resource`, name, resourceNames));
  if (divisor === "0") return;
  const ofBytes = name.endsWith(".memory") ? "memory" : isHuge ? "hugepages" : "local ephemeral storage";
  if (name.endsWith(".cpu")) {
    if (!["1m", "1"].includes(divisor))
      into.push(
        invalid(
          `${path}.divisor`,
          name,
          "only divisor's values 1m and 1 are supported with the cpu resource",
        ),
      );
  } else if (!byteDivisors.includes(divisor))
    into.push(
      invalid(
        `${path}.divisor`,
        name,
        `only divisor's values ${byteDivisors.join(", ")} are supported with the ${ofBytes} resource`,
      ),
    );
}

function checkEnvFrom(into: Findings, path: string, at: number, source: EnvFromSource): void {
  const own = `${path}[${at}]`;
  if ((source.prefix ?? "") !== "")
    checkName(into, `${own}.prefix`, source.prefix ?? "", relaxedEnvNameComplaints);
  const { configMapRef, secretRef } = source;
  for (const [name, reference] of Object.entries({ configMapRef, secretRef })) {
    if (reference !== undefined)
      checkRequiredName(into, `${own}.${name}.name`, reference.name, subdomainComplaints);
  }
  if (configMapRef === undefined && secretRef === undefined)
    into.push(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
  else if (configMapRef !== undefined && secretRef !== undefined)
    into.push(invalid(path, "", "may not have more than one field specified at a time"));
}
