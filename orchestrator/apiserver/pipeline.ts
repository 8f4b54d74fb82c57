import { randomInt } from "node:crypto";
import { failure, type StatusError } from "#api/kube/status.ts";
import type { Log } from "#base/log.ts";
import type { Auditor } from "#orchestrator/audit/auditor.ts";
import type { Authenticator, User } from "#orchestrator/authn/user.ts";
import { anonymous } from "#orchestrator/authn/user.ts";
import type { Attributes, Authorizer } from "#orchestrator/authz/authorizer.ts";
import { type DistinctHeaders, impersonate } from "#orchestrator/authz/impersonation.ts";
import { type ApiAnswer, type ApiHandler, type ApiRequest, jsonAnswer } from "./api-request.ts";
import { forbidden, statusErrorOf } from "./errors.ts";
import { RequestAudit } from "./request-audit.ts";
import type { RequestLimits } from "./request-limits.ts";
import { parseRequestInfo, type RequestInfo } from "./request-info.ts";

/** An authorised request with what is known about it, for whoever answers it. */
export interface RequestScope {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  readonly user: User;
  readonly authorizer: Authorizer;
  /** A `Warning` header of the answer. */
  readonly warn: (text: string) => void;
  readonly annotate: (key: string, value: string) => void;
}

export interface PipelineDeps {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly newId: () => string;
  readonly now: () => Date;
  readonly auditor?: Auditor;
  readonly log: Log;
  readonly limits: RequestLimits;
  answer(scope: RequestScope): Promise<ApiAnswer>;
}

/** What every request goes through: who is it, may they, and the answer or the failure as the API tells it. */
export function apiPipeline(deps: PipelineDeps): ApiHandler {
  return async (request) => {
    const warnings: string[] = [];
    const id = deps.newId();
    const headers: Record<string, string | readonly string[]> = {
      "audit-id": id,
      "cache-control": "no-cache, private",
    };
    const audit = new RequestAudit(deps.auditor, request, id, deps.now());
    try {
      const answer = await handle(deps, request, warnings, audit);
      if (warnings.length > 0) headers["warning"] = warnings.map(warningHeader);
      return audit.answered({ ...answer, headers: { ...headers, ...answer.headers } });
    } catch (error) {
      if (warnings.length > 0) headers["warning"] = warnings.map(warningHeader);
      return audit.answered(failed(deps, request, error, headers), infoOf(request));
    }
  };
}

/** Undefined for a path that is none. */
function infoOf({ method, path, query }: ApiRequest): RequestInfo | undefined {
  try {
    return parseRequestInfo(method, path, query);
  } catch {
    return undefined;
  }
}

async function handle(
  deps: PipelineDeps,
  request: ApiRequest,
  warnings: string[],
  audit: RequestAudit,
): Promise<ApiAnswer> {
  const info = parseRequestInfo(request.method, request.path, request.query);
  const own = await identify(deps, request);
  const user = become(deps, request, own, (other) => audit.begin(info, own, other)) ?? own;
  const attributes = attributesOf(user, info, request);
  const decision = deps.authorizer.authorize(attributes);
  audit.decided(decision);
  if (decision.is !== "allowed") throw refusal(attributes, decision.reason);
  const scope: RequestScope = {
    request: audit.observed(),
    info,
    user,
    authorizer: deps.authorizer,
    warn: (text) => {
      if (!warnings.includes(text)) warnings.push(text);
    },
    annotate: (key, value) => audit.annotate(key, value),
  };
  return await deps.limits.run(request, info, user, () => deps.answer(scope));
}

/** As whom the request is made, if it says so; `begin` is called in any case, before it is refused too. */
function become(
  { authorizer }: PipelineDeps,
  request: ApiRequest,
  own: User,
  begin: (other?: User) => void,
): User | undefined {
  if (!isImpersonating(request)) {
    begin();
    return undefined;
  }
  try {
    const other = impersonate(own, distinctHeaders(request), authorizer);
    begin(other);
    return other;
  } catch (error) {
    begin();
    throw error;
  }
}

function isImpersonating({ headers }: ApiRequest): boolean {
  for (const name in headers) if (name.startsWith("impersonate-")) return true;
  return false;
}

function distinctHeaders({ rawHeaders }: ApiRequest): DistinctHeaders {
  const found: Record<string, string[]> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    (found[(rawHeaders[at] ?? "").toLowerCase()] ??= []).push(rawHeaders[at + 1] ?? "");
  return found;
}

async function identify({ authenticator }: PipelineDeps, request: ApiRequest): Promise<User> {
  if (request.user !== undefined) return request.user;
  const user = await authenticator.authenticate(request.credentials, request.signal);
  if (user === undefined) return anonymous;
  return user.groups.includes("system:authenticated") || user.groups.includes("system:unauthenticated")
    ? user
    : { ...user, groups: [...user.groups, "system:authenticated"] };
}

export function attributesOf(user: User, info: RequestInfo, { query }: ApiRequest): Attributes {
  if (info.type === "path") return { user, verb: info.verb, type: "path", path: info.path };
  const { verb, group, version, resource, subresource, namespace, name } = info;
  const fieldSelector = query.get("fieldSelector");
  return {
    user,
    verb,
    type: "resource",
    group,
    version,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(fieldSelector !== null && { fieldSelector }),
  };
}

function refusal(attributes: Attributes, reason: string): StatusError {
  const { user, verb } = attributes;
  const why = reason === "" ? "" : `: ${reason}`;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (attributes.type === "path")
    return failure("Forbidden", `forbidden: ${who} path ${JSON.stringify(attributes.path)}${why}`, {});
  const { group, resource, subresource, namespace, name = "" } = attributes;
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where =
    namespace === undefined || namespace === ""
      ? "at the cluster scope"
      : `in the namespace ${JSON.stringify(namespace)}`;
  const text = `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}${why}`;
  return forbidden({ group, resource }, name, text);
}

function failed(
  { log }: PipelineDeps,
  request: ApiRequest,
  error: unknown,
  headers: Record<string, string | readonly string[]>,
): ApiAnswer {
  const status = statusErrorOf(error);
  if (status.code >= 500 && !request.signal.aborted)
    log.warn("a request failed", { method: request.method, path: request.path, reason: status.message });
  const retry = status.status.details?.retryAfterSeconds;
  return jsonAnswer(status.code, status.status, {
    ...headers,
    ...(retry !== undefined && { "retry-after": String(retry) }),
  });
}

/** @see RFC 7234, 5.5 */
function warningHeader(text: string): string {
  return `299 - "${text.replaceAll(/["\\]/g, "\\$&").replaceAll(/[\r\n]+/g, " ")}"`;
}

/** A watch whose client names no end has one between half an hour and an hour. */
export function randomWatchMs(): number {
  return randomInt(1800, 3600) * 1000;
}
