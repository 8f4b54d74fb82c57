import { type Status, StatusError } from "#api/kube/status.ts";
import { userInfo } from "#orchestrator/authn/user.ts";
import { goQuote } from "#orchestrator/machinery/go-text.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { Admission } from "../plugin.ts";

/** What a webhook is asked. @see Kubernetes API 1.36, admission/v1 AdmissionRequest */
export function admissionRequest(request: Admission, uid: string): Draft {
  const { resource, subresource, namespace, name, operation, object, old, user, isDryRun, options } = request;
  const { group, version } = resource;
  const kind = kindOf(request);
  const place = { group, version, resource: resource.resource };
  return {
    uid,
    kind,
    resource: place,
    ...(subresource !== "" && { subResource: subresource }),
    requestKind: kind,
    requestResource: place,
    ...(subresource !== "" && { requestSubResource: subresource }),
    ...(name !== "" && { name }),
    ...(namespace !== undefined && { namespace }),
    operation,
    userInfo: userInfo(user),
    object: object === undefined ? null : identified(object, kind),
    oldObject: old === undefined ? null : identified(old, kind),
    dryRun: isDryRun,
    options:
      operation === "CONNECT"
        ? null
        : { apiVersion: "meta.k8s.io/v1", kind: optionsKinds[operation], ...options },
  };
}

const optionsKinds = {
  CREATE: "CreateOptions",
  UPDATE: "UpdateOptions",
  DELETE: "DeleteOptions",
};

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const connections: Readonly<Record<string, string>> = {
  attach: "Attach",
  exec: "Exec",
  portforward: "PortForward",
  proxy: "Proxy",
};

/** Of what is written: a subresource may have a kind of its own. */
function kindOf({ operation, resource, subresource, object }: Admission): Kind {
  if (operation === "CONNECT")
    return { group: "", version: "v1", kind: `${resource.kind}${connections[subresource] ?? ""}Options` };
  const apiVersion = object?.["apiVersion"];
  const kind = object?.["kind"];
  if (typeof apiVersion !== "string" || typeof kind !== "string")
    return { group: resource.group, version: resource.version, kind: resource.kind };
  const [group = "", version] = apiVersion.split("/");
  return version === undefined ? { group: "", version: group, kind } : { group, version, kind };
}

function identified(object: Draft, { group, version, kind }: Kind): Draft {
  return { apiVersion: group === "" ? version : `${group}/${version}`, kind, ...object };
}

/** What a webhook has answered. */
export interface Verdict {
  readonly isAllowed: boolean;
  readonly status: Partial<Status> | undefined;
  /** Operations of a JSON patch. */
  readonly patch: readonly unknown[] | undefined;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** @returns what it says, or why that cannot be told */
export function readVerdict(answer: unknown, uid: string): Verdict | { readonly error: string } {
  if (!isObject(answer)) return { error: "the answer is no AdmissionReview" };
  const { kind, apiVersion, response } = answer;
  if (
    kind !== "AdmissionReview" ||
    (apiVersion !== "admission.k8s.io/v1" && apiVersion !== "admission.k8s.io/v1beta1")
  )
    return {
      error: `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${String(apiVersion)}, Kind=${String(kind)}`,
    };
  if (!isObject(response)) return { error: "webhook response was absent" };
  if (apiVersion === "admission.k8s.io/v1" && response["uid"] !== uid)
    return {
      error: `expected response.uid=${goQuote(uid)}, got ${goQuote(typeof response["uid"] === "string" ? response["uid"] : "")}`,
    };
  const patch = readPatch(response);
  if (patch !== undefined && "error" in patch) return patch;
  return {
    isAllowed: response["allowed"] === true,
    status: isObject(response["status"]) ? response["status"] : undefined,
    patch,
    warnings: texts(response["warnings"]),
    annotations: isObject(response["auditAnnotations"])
      ? (response["auditAnnotations"] as Record<string, string>)
      : {},
  };
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function readPatch(response: Draft): readonly unknown[] | { readonly error: string } | undefined {
  const { patch, patchType } = response;
  if (typeof patch !== "string" || patch === "") return undefined;
  if (patchType !== undefined && patchType !== "JSONPatch")
    return {
      error: `webhook returned response.patchType ${goQuote(typeof patchType === "string" ? patchType : "")}, expected JSONPatch`,
    };
  try {
    const operations: unknown = JSON.parse(Buffer.from(patch, "base64").toString());
    return Array.isArray(operations) ? operations : { error: "the patch is no list of operations" };
  } catch {
    return { error: "the patch is no JSON" };
  }
}

/** How a client is told that a webhook has said no. */
export function refusal(name: string, status: Partial<Status> | undefined): StatusError {
  const denied = `admission webhook ${goQuote(name)} denied the request`;
  const said = status?.message !== undefined && status.message !== "" ? status.message : status?.reason;
  const code = status?.code !== undefined && status.code >= 400 ? status.code : 400;
  return new StatusError({
    ...status,
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: said === undefined ? `${denied} without explanation` : `${denied}: ${said}`,
    code,
  });
}
