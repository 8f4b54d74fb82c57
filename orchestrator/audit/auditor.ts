import { type AuditedRequest, auditEvent, type AuditStage } from "./audit-event.ts";
import type { AuditLog } from "./audit-log.ts";
import { type AuditPolicy, judge } from "./audit-policy.ts";

/** One request, as it is written down. */
export interface AuditRecord {
  readonly wantsRequest: boolean;
  readonly wantsResponse: boolean;
  annotate(key: string, value: string): void;
  /** JSON texts; what is none is left out. */
  requestBody(bytes: Uint8Array): void;
  /** A watch or another long answer begins. */
  started(code: number): void;
  completed(code: number, body?: Uint8Array): void;
}

export interface AuditorDeps {
  readonly policy: AuditPolicy;
  readonly log: AuditLog;
  readonly now: () => Date;
}

/** Bodies longer than this are not written down. */
const MAX_BODY_BYTES = 1 << 20;
const silent: AuditRecord = {
  wantsRequest: false,
  wantsResponse: false,
  annotate() {},
  requestBody() {},
  started() {},
  completed() {},
};

/** Writes down what is asked of the API, as its policy says. Nothing that it does fails a request. */
export class Auditor {
  readonly #deps: AuditorDeps;

  constructor(deps: AuditorDeps) {
    this.#deps = deps;
  }

  /** To be called when it is known who asks, and before they get an answer. */
  begin(request: AuditedRequest): AuditRecord {
    const { policy, log, now } = this.#deps;
    const { level, omitStages, omitManagedFields } = judge(policy, request.user, request.subject);
    if (level === "None") return silent;
    const annotations: Record<string, string> = {};
    let requestObject: unknown;
    const emit = (
      stage: AuditStage,
      more: { readonly code?: number; readonly responseObject?: unknown } = {},
    ) => {
      if (omitStages.includes(stage)) return;
      log.write(
        auditEvent({
          ...request,
          level,
          stage,
          now: now(),
          annotations: { ...annotations },
          ...(requestObject !== undefined && { requestObject }),
          ...more,
        }),
      );
    };
    const objectOf = (bytes: Uint8Array) => parseBody(bytes, omitManagedFields);
    emit("RequestReceived");
    return {
      wantsRequest: level === "Request" || level === "RequestResponse",
      wantsResponse: level === "RequestResponse",
      annotate: (key, value) => void (annotations[key] = value),
      requestBody: (bytes) => void (requestObject = objectOf(bytes)),
      started: (code) => emit("ResponseStarted", { code }),
      completed(code, body) {
        // What went wrong is told at every level.
        const isTold = level === "RequestResponse" || code >= 400;
        const responseObject = isTold && body !== undefined ? objectOf(body) : undefined;
        emit("ResponseComplete", { code, ...(responseObject !== undefined && { responseObject }) });
      },
    };
  }
}

function parseBody(bytes: Uint8Array, omitManagedFields: boolean): unknown {
  if (bytes.length === 0 || bytes.length > MAX_BODY_BYTES) return undefined;
  try {
    const object: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (omitManagedFields) dropManagedFields(object);
    return object;
  } catch {
    return undefined;
  }
}

function dropManagedFields(object: unknown): void {
  const { metadata, items } = (object ?? {}) as { metadata?: { managedFields?: unknown }; items?: unknown };
  if (typeof metadata === "object" && metadata !== null) delete metadata.managedFields;
  if (Array.isArray(items)) for (const item of items) dropManagedFields(item);
}
