import { forbidden, invalid as wrong, notSupported } from "#orchestrator/machinery/field-error.ts";
import type { FieldError } from "#orchestrator/machinery/resource.ts";
import { failure } from "#api/kube/status.ts";
import type { ListRequest } from "./cache/list-page.ts";
import type { Revision } from "#orchestrator/storage/store.ts";
import { invalid } from "./errors.ts";
import { isTrue } from "./request-info.ts";

/** The query of a list or a watch. @see Kubernetes API 1.36, meta/v1 ListOptions */
export interface ListOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continue?: string;
  /** Absent: the newest. */
  readonly resourceVersion?: Revision;
  readonly match?: "Exact" | "NotOlderThan";
  readonly timeoutMs?: number;
  readonly allowsBookmarks: boolean;
  readonly sendsInitialEvents?: boolean;
}

/** @throws {StatusError} `BadRequest` or `Invalid`, in upstream's words */
export function parseListOptions(query: URLSearchParams, isWatch: boolean): ListOptions {
  const resourceVersion = revisionIn(query);
  const token = query.get("continue") ?? "";
  const match = query.get("resourceVersionMatch") ?? "";
  const initial = query.get("sendInitialEvents");
  const timeoutSeconds = integerIn(query, "timeoutSeconds");
  const errors = isWatch
    ? watchErrors(match, initial)
    : listErrors(match, query.get("resourceVersion") ?? "", token, initial);
  if (errors.length > 0) throw invalid("ListOptions", "meta.k8s.io", "", errors);
  if (token !== "" && resourceVersion !== undefined && resourceVersion !== 0)
    throw failure("BadRequest", "specifying resource version is not allowed when using continue");
  return {
    labelSelector: query.get("labelSelector") ?? "",
    fieldSelector: query.get("fieldSelector") ?? "",
    limit: Math.max(0, integerIn(query, "limit") ?? 0),
    ...(token !== "" && { continue: token }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(match !== "" && { match: match as "Exact" | "NotOlderThan" }),
    ...(timeoutSeconds !== undefined && { timeoutMs: timeoutSeconds * 1000 }),
    allowsBookmarks: isTrue(query.get("allowWatchBookmarks")),
    ...(initial !== null && { sendsInitialEvents: isTrue(initial) }),
  };
}

/** What a list is to be as of. */
export function versionOf(options: ListOptions): ListRequest["version"] {
  const { resourceVersion: revision, match, limit } = options;
  if (revision === undefined || options.continue !== undefined) return undefined;
  if (match === "Exact" || (match === undefined && limit > 0 && revision > 0))
    return { is: "exact", revision };
  return { is: "at-least", revision };
}

function listErrors(match: string, version: string, token: string, initial: string | null): FieldError[] {
  const errors: FieldError[] = [];
  const at = "resourceVersionMatch";
  if (match !== "") {
    if (version === "")
      errors.push(forbidden(at, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if (token !== "")
      errors.push(forbidden(at, "resourceVersionMatch is forbidden when continue is provided"));
    if (match !== "Exact" && match !== "NotOlderThan")
      errors.push(notSupported(at, match, ["Exact", "NotOlderThan"]));
    if (match === "Exact" && version === "0")
      errors.push(forbidden(at, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (initial !== null)
    errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  return errors;
}

function watchErrors(match: string, initial: string | null): FieldError[] {
  const at = "resourceVersionMatch";
  if (initial === null)
    return match === ""
      ? []
      : [forbidden(at, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")];
  if (match === "")
    return [forbidden(at, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")];
  return match === "NotOlderThan" ? [] : [notSupported(at, match, ["NotOlderThan"])];
}

function revisionIn(query: URLSearchParams): Revision | undefined {
  const text = query.get("resourceVersion") ?? "";
  if (text === "") return undefined;
  const revision = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(revision))
    throw invalid("ListOptions", "meta.k8s.io", "", [
      wrong("resourceVersion", text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`),
    ]);
  return revision;
}

function integerIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? "";
  if (text === "") return undefined;
  if (!/^[-+]?\d+$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw failure("BadRequest", `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}
