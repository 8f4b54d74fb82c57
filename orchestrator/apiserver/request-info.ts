/** What a request is about, by its path and method. @see Kubernetes API 1.36, API concepts: resource URIs */
export type RequestInfo =
  | {
      readonly type: "resource";
      /** As authorisers know it: get, list, watch, create, update, patch, delete, deletecollection. */
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      readonly namespace?: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly name?: string;
      /** What is behind the subresource's name, without a slash at its start, e.g. of a proxy. */
      readonly rest: string;
    }
  | { readonly type: "path"; readonly verb: string; readonly path: string };

const verbs: Readonly<Record<string, string>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** Of a namespace itself, rather than resources in it. */
const namespaceSubresources = new Set(["status", "finalize"]);

/** @throws {URIError} for a path that is not encoded right */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = path.split("/").filter((segment) => segment !== "");
  const isCore = segments[0] === "api";
  const head = isCore ? 2 : 3;
  if ((!isCore && segments[0] !== "apis") || segments.length <= head)
    return { type: "path", verb: method.toLowerCase(), path };
  const group = isCore ? "" : (segments[1] ?? "");
  const version = segments[head - 1] ?? "";
  let parts = segments.slice(head);
  let verb = verbs[method] ?? "";
  if (parts[0] === "watch" && parts.length > 1) {
    parts = parts.slice(1);
    verb = "watch";
  }
  let namespace: string | undefined;
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = decodeURIComponent(parts[1] ?? "");
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] ?? "")) parts = parts.slice(2);
  }
  const [resource = "", name, subresource, ...rest] = parts.map(decodeURIComponent);
  const info = {
    type: "resource",
    group,
    version,
    ...(namespace !== undefined && { namespace }),
    resource,
    ...(subresource !== undefined && { subresource }),
    rest: rest.join("/"),
  } as const;
  const named = name ?? nameInSelector(query);
  if (name === undefined && (verb === "get" || verb === "watch"))
    return {
      ...info,
      verb: verb === "watch" || isTrue(query.get("watch")) ? "watch" : "list",
      ...(named !== undefined && { name: named }),
    };
  if (name === undefined && verb === "delete") return { ...info, verb: "deletecollection" };
  const isWatch = verb === "get" && subresource === undefined && isTrue(query.get("watch"));
  return { ...info, verb: isWatch ? "watch" : verb, ...(name !== undefined && { name }) };
}

/** As Go reads booleans of a query. */
export function isTrue(text: string | null): boolean {
  return text !== null && !["", "0", "f", "F", "false", "False", "FALSE"].includes(text);
}

/** A list of the one object with a name may be allowed where others are not. */
function nameInSelector(query: URLSearchParams): string | undefined {
  const selector = query.get("fieldSelector");
  if (selector === null) return;
  const found = /(?:^|,)metadata\.name==?([^,!=\\]+)(?:,|$)/.exec(selector)?.[1];
  return found;
}
