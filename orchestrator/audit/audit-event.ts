import { type User, userInfo } from "#orchestrator/authn/user.ts";

export const auditLevels = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type AuditLevel = (typeof auditLevels)[number];
export const auditStages = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type AuditStage = (typeof auditStages)[number];

/** What a request is about, as far as rules and events need it. */
export interface AuditSubject {
  readonly verb: string;
  /** Absent for other paths. */
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  /** Without the query. */
  readonly path: string;
}

/** @see Kubernetes API 1.36, audit.k8s.io/v1 Event */
export interface AuditEvent {
  readonly kind: "Event";
  readonly apiVersion: "audit.k8s.io/v1";
  readonly level: AuditLevel;
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: object;
  readonly impersonatedUser?: object;
  readonly sourceIPs: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: object;
  readonly responseStatus?: object;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  /** RFC 3339 with microseconds. */
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface AuditedRequest {
  readonly id: string;
  readonly url: string;
  readonly subject: AuditSubject;
  readonly user: User;
  readonly impersonated?: User;
  readonly remoteAddress: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly received: Date;
}

export interface EventInput extends AuditedRequest {
  readonly level: AuditLevel;
  readonly stage: AuditStage;
  readonly now: Date;
  readonly code?: number;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  readonly annotations: Readonly<Record<string, string>>;
}

export function auditEvent(input: EventInput): AuditEvent {
  const { level, id, stage, url, subject, user, impersonated, remoteAddress, headers, annotations } = input;
  const agent = headers["user-agent"];
  return {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level,
    auditID: id,
    stage,
    requestURI: url,
    verb: subject.verb,
    user: userInfo(user),
    ...(impersonated !== undefined && { impersonatedUser: userInfo(impersonated) }),
    sourceIPs: sourceIps(headers, remoteAddress),
    ...(agent !== undefined && { userAgent: agent }),
    ...(subject.resource !== undefined && { objectRef: objectRef(subject.resource, input.requestObject) }),
    ...(input.code !== undefined && { responseStatus: responseStatus(input.code, input.responseObject) }),
    ...(input.requestObject !== undefined && { requestObject: input.requestObject }),
    ...(input.responseObject !== undefined &&
      level === "RequestResponse" && { responseObject: input.responseObject }),
    requestReceivedTimestamp: microTime(input.received),
    stageTimestamp: microTime(input.now),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

/** What proxies say stands before whoever the connection is from. */
function sourceIps(headers: Readonly<Record<string, string>>, remote: string): readonly string[] {
  const said = [...(headers["x-forwarded-for"] ?? "").split(","), headers["x-real-ip"] ?? ""]
    .map((text) => text.trim())
    .filter((text) => /^[\d.:a-fA-F]+$/.test(text));
  return [...new Set([...said, remote.replace(/^::ffff:/, "")])].filter((text) => text !== "");
}

function objectRef(resource: NonNullable<AuditSubject["resource"]>, requestObject: unknown): object {
  const { group, version, resource: name, subresource, namespace, name: own } = resource;
  const metadata = (requestObject as { readonly metadata?: Readonly<Record<string, unknown>> } | undefined)
    ?.metadata;
  const named = own ?? metadata?.["name"];
  return {
    resource: name,
    ...(namespace !== undefined && { namespace }),
    ...(named !== undefined && { name: named }),
    ...(group !== "" && { apiGroup: group }),
    apiVersion: version,
    ...(subresource !== undefined && { subresource }),
  };
}

/** Of a Status what it says, else the code. */
function responseStatus(code: number, responseObject: unknown): object {
  const status = responseObject as Readonly<Record<string, unknown>> | undefined;
  if (status?.["kind"] !== "Status") return { metadata: {}, code };
  const { status: outcome, message, reason, details } = status;
  return { metadata: {}, status: outcome, message, reason, details, code };
}

function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}
