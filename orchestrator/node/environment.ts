import type { Container, EnvVarSource, Pod } from "#api/kube/types/core-pods.ts";
import type { ConfigMap, Secret, Service } from "#api/kube/types/core.ts";
import { Fault } from "#base/fault.ts";
import { expandVariables } from "./expand.ts";
import { type FieldContext, fieldValue, resourceFieldValue } from "./field-values.ts";
import { namespaceOf } from "./pod.ts";

export interface EnvironmentInput extends FieldContext {
  readonly container: Container;
  readonly services: readonly Service[];
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
}

/**
 * A container's variables, in the order that later ones may refer to earlier ones: services, envFrom, env.
 *
 * @throws {Fault} `precondition` when something it refers to is not there
 * @see Kubernetes API 1.36, core/v1 EnvVar
 */
export async function environmentOf(input: EnvironmentInput): Promise<ReadonlyMap<string, string>> {
  const { pod, container } = input;
  const result = new Map<string, string>();
  const links = serviceVariables(pod, input.services);
  for (const source of container.envFrom ?? []) {
    for (const [name, value] of await importedFrom(input, source)) result.set(name, value);
  }
  // Variables of services do not replace what the pod says, but what it says may refer to them.
  const known = new Map(links);
  for (const [name, value] of result) known.set(name, value);
  for (const { name, value = "", valueFrom } of container.env ?? []) {
    const text = valueFrom === undefined ? expandVariables(value, known) : await valueOf(input, valueFrom);
    if (text === undefined) continue;
    known.set(name, text);
    result.set(name, text);
  }
  for (const [name, value] of links) if (!result.has(name)) result.set(name, value);
  return result;
}

type EnvFrom = NonNullable<Container["envFrom"]>[number];

async function importedFrom(
  input: EnvironmentInput,
  { prefix = "", configMapRef, secretRef }: EnvFrom,
): Promise<readonly (readonly [string, string])[]> {
  const namespace = namespaceOf(input.pod);
  if (configMapRef !== undefined) {
    const { name = "", optional = false } = configMapRef;
    const found = await input.configMap(name);
    if (found === undefined && !optional)
      throw new Fault("precondition", `configmap "${name}" not found`, { detail: { namespace } });
    return Object.entries(found?.data ?? {}).map(([key, value]) => [prefix + key, value]);
  }
  if (secretRef === undefined) return [];
  const { name = "", optional = false } = secretRef;
  const found = await input.secret(name);
  if (found === undefined && !optional)
    throw new Fault("precondition", `secret "${name}" not found`, { detail: { namespace } });
  return Object.entries(found?.data ?? {}).map(([key, value]) => [prefix + key, textOf(value)]);
}

/** Undefined for what is optional and not there. */
async function valueOf(input: EnvironmentInput, source: EnvVarSource): Promise<string | undefined> {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  if (fieldRef !== undefined) return fieldValue(input, fieldRef.fieldPath);
  if (resourceFieldRef !== undefined) return resourceFieldValue(input, resourceFieldRef, input.container);
  if (configMapKeyRef !== undefined) return await fromConfigMap(input, configMapKeyRef);
  if (secretKeyRef !== undefined) return await fromSecret(input, secretKeyRef);
  throw new Fault("invalid", "a variable's source is not known to this node");
}

async function fromConfigMap(
  input: EnvironmentInput,
  { name = "", key, optional = false }: NonNullable<EnvVarSource["configMapKeyRef"]>,
): Promise<string | undefined> {
  const found = await input.configMap(name);
  const value = found?.data?.[key];
  if (value !== undefined || optional) return value;
  if (found === undefined) throw new Fault("precondition", `configmap "${name}" not found`);
  throw new Fault("precondition", `couldn't find key ${key} in ConfigMap ${namespaceOf(input.pod)}/${name}`);
}

async function fromSecret(
  input: EnvironmentInput,
  { name = "", key, optional = false }: NonNullable<EnvVarSource["secretKeyRef"]>,
): Promise<string | undefined> {
  const found = await input.secret(name);
  const value = found?.data?.[key];
  if (value !== undefined) return textOf(value);
  if (optional) return undefined;
  if (found === undefined) throw new Fault("precondition", `secret "${name}" not found`);
  throw new Fault("precondition", `couldn't find key ${key} in Secret ${namespaceOf(input.pod)}/${name}`);
}

function textOf(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}

/**
 * The variables by which containers find services: all of the pod's namespace, and `kubernetes` always.
 *
 * @see Kubernetes documentation, Service, Environment variables
 */
export function serviceVariables(pod: Pod, services: readonly Service[]): ReadonlyMap<string, string> {
  const namespace = namespaceOf(pod);
  const wantsAll = pod.spec?.enableServiceLinks ?? true;
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const { name = "", namespace: of = "" } = service.metadata;
    const address = service.spec?.clusterIP ?? "";
    if (address === "" || address === "None") continue;
    const isMaster = of === "default" && name === "kubernetes";
    if (of === namespace && wantsAll) chosen.set(name, service);
    else if (isMaster && !chosen.has(name)) chosen.set(name, service);
  }
  const result = new Map<string, string>();
  for (const [name, service] of chosen) addService(result, name, service);
  return result;
}

function addService(into: Map<string, string>, name: string, service: Service): void {
  const prefix = name.toUpperCase().replaceAll("-", "_");
  const address = service.spec?.clusterIP ?? "";
  const host = address.includes(":") ? `[${address}]` : address;
  const ports = service.spec?.ports ?? [];
  const [first] = ports;
  if (first === undefined) return;
  into.set(`${prefix}_SERVICE_HOST`, address);
  into.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) {
    if (port.name === undefined || port.name === "") continue;
    into.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll("-", "_")}`, String(port.port));
  }
  for (const [index, port] of ports.entries()) {
    const protocol = port.protocol ?? "TCP";
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
    if (index === 0) into.set(`${prefix}_PORT`, url);
    const below = `${prefix}_PORT_${port.port}_${protocol}`;
    into.set(below, url);
    into.set(`${below}_PROTO`, protocol.toLowerCase());
    into.set(`${below}_PORT`, String(port.port));
    into.set(`${below}_ADDR`, address);
  }
}
