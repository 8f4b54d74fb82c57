import type { ConfigMap, Secret } from "#api/kube/types/core.ts";
import { forbidden, invalid, required, tooLong } from "#orchestrator/machinery/field-error.ts";
import { isSameJson } from "#orchestrator/machinery/json-equal.ts";
import { bytes, configKeyComplaints } from "#orchestrator/machinery/names.ts";
import type { Draft, FieldError } from "#orchestrator/machinery/resource.ts";
import { checkImmutable, checkName, type Findings } from "../check.ts";
import { view } from "../edit.ts";

type Errors = readonly FieldError[];
type Texts = Readonly<Record<string, string>>;

/** Of all that one object holds. */
const mostBytes = 1024 * 1024;

export function configMapErrors(object: Draft): Errors {
  const into: Findings = [];
  const { data = {}, binaryData = {} } = view<ConfigMap>(object);
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    checkName(into, `data[${key}]`, key, configKeyComplaints);
    if (Object.hasOwn(binaryData, key))
      into.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
    size += bytes(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    checkName(into, `binaryData[${key}]`, key, configKeyComplaints);
    if (Object.hasOwn(data, key))
      into.push(invalid(`binaryData[${key}]`, key, "duplicate of key present in data"));
    size += bytesOf(value);
  }
  if (size > mostBytes) into.push(tooLong("[]", mostBytes));
  return into;
}

export function configMapUpdateErrors(next: Draft, old: Draft): Errors {
  const into: Findings = [];
  checkFrozen(into, next, old, ["data", "binaryData"]);
  into.push(...configMapErrors(next));
  return into;
}

/** Who said that an object does not change, cannot take it back. */
function checkFrozen(into: Findings, next: Draft, old: Draft, names: readonly string[]): void {
  if (old["immutable"] !== true) return;
  const text = "field is immutable when `immutable` is set";
  if (next["immutable"] !== true) into.push(forbidden("immutable", text));
  for (const name of names)
    if (!isSameJson(next[name] ?? {}, old[name] ?? {})) into.push(forbidden(name, text));
}

/** How many bytes a text in base64 stands for. */
function bytesOf(base64: string): number {
  return (base64.length / 4) * 3 - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);
}

const accountName = "kubernetes.io/service-account.name";
const has = (data: Texts, key: string) => Object.hasOwn(data, key);

export function secretErrors(object: Draft): Errors {
  const into: Findings = [];
  const { data = {}, type = "", metadata } = view<Secret>(object);
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    checkName(into, `data[${key}]`, key, configKeyComplaints);
    size += bytesOf(value);
  }
  if (size > mostBytes) into.push(tooLong("data", mostBytes));
  checkByType(into, type, data, metadata.annotations ?? {});
  return into;
}

function checkByType(into: Findings, type: string, data: Texts, annotations: Texts): void {
  switch (type) {
    case "kubernetes.io/service-account-token":
      if ((annotations[accountName] ?? "") === "")
        into.push(required(`metadata.annotations[${accountName}]`));
      break;
    case "kubernetes.io/dockercfg":
      checkJson(into, ".dockercfg", data);
      break;
    case "kubernetes.io/dockerconfigjson":
      checkJson(into, ".dockerconfigjson", data);
      break;
    case "kubernetes.io/basic-auth":
      if (!has(data, "username") && !has(data, "password")) {
        into.push(required("data[username]"));
        into.push(required("data[password]"));
      }
      break;
    case "kubernetes.io/ssh-auth":
      if (!has(data, "ssh-privatekey") || data["ssh-privatekey"] === "")
        into.push(required("data[ssh-privatekey]"));
      break;
    case "kubernetes.io/tls":
      for (const key of ["tls.crt", "tls.key"]) if (!has(data, key)) into.push(required(`data[${key}]`));
      break;
    default:
  }
}

function checkJson(into: Findings, key: string, data: Texts): void {
  const value = data[key];
  if (value === undefined) return void into.push(required(`data[${key}]`));
  try {
    JSON.parse(Buffer.from(value, "base64").toString());
  } catch {
    into.push(invalid(`data[${key}]`, "<secret contents redacted>", "invalid character in JSON"));
  }
}

export function secretUpdateErrors(next: Draft, old: Draft): Errors {
  const into: Findings = [];
  checkImmutable(into, "type", next["type"], old["type"]);
  checkFrozen(into, next, old, ["data"]);
  into.push(...secretErrors(next));
  return into;
}

/** `stringData` is written only: it ends in the data, and stands above what is there. */
export function mergeStringData(object: Draft): void {
  const { stringData } = view<Secret>(object);
  if (stringData === undefined) return;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(value).toString("base64"),
  ]);
  object["data"] = { ...(object["data"] as Texts | undefined), ...Object.fromEntries(encoded) };
  delete object["stringData"];
}
