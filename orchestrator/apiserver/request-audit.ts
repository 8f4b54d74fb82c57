import type { Auditor, AuditRecord } from "#orchestrator/audit/auditor.ts";
import type { User } from "#orchestrator/authn/user.ts";
import type { Decision } from "#orchestrator/authz/authorizer.ts";
import type { ApiAnswer, ApiRequest } from "./api-request.ts";
import type { RequestInfo } from "./request-info.ts";

const nobody: User = { name: "", groups: [] };

/** What is written down of one request, from its arrival to the end of its answer. */
export class RequestAudit {
  readonly #auditor: Auditor | undefined;
  readonly #request: ApiRequest;
  readonly #id: string;
  readonly #received: Date;
  #record: AuditRecord | undefined;
  #isLong = false;

  constructor(auditor: Auditor | undefined, request: ApiRequest, id: string, received: Date) {
    this.#auditor = auditor;
    this.#request = request;
    this.#id = id;
    this.#received = received;
  }

  /** It is known what is asked for and who asks; as whom, when that is somebody else. */
  begin(info: RequestInfo, user: User, impersonated?: User): void {
    const { url, path, remoteAddress, headers } = this.#request;
    this.#isLong = info.verb === "watch";
    this.#record = this.#auditor?.begin({
      id: this.#id,
      url,
      subject: { verb: info.verb, path, ...(info.type === "resource" && { resource: info }) },
      user,
      ...(impersonated !== undefined && { impersonated }),
      remoteAddress,
      headers,
      received: this.#received,
    });
  }

  decided({ is, reason }: Decision): void {
    this.annotate("authorization.k8s.io/decision", is === "allowed" ? "allow" : "forbid");
    this.annotate("authorization.k8s.io/reason", reason);
  }

  annotate(key: string, value: string): void {
    this.#record?.annotate(key, value);
  }

  /** The request, whose body is written down when it is read. */
  observed(): ApiRequest {
    const request = this.#request;
    const record = this.#record;
    if (record?.wantsRequest !== true) return request;
    return {
      ...request,
      read: async (most) => {
        const bytes = await request.read(most);
        record.requestBody(bytes);
        return bytes;
      },
    };
  }

  /** The answer, whose end is written down when it comes. */
  answered(answer: ApiAnswer, info?: RequestInfo): ApiAnswer {
    // Whoever could not be told who they are is written down too.
    if (this.#record === undefined && info !== undefined) this.begin(info, nobody);
    const record = this.#record;
    if (record === undefined) return answer;
    switch (answer.kind) {
      case "bytes":
        record.completed(
          answer.status,
          record.wantsResponse || answer.status >= 400 ? answer.body : undefined,
        );
        return answer;
      case "stream":
        if (this.#isLong) record.started(answer.status);
        return { ...answer, body: endingWith(answer.body, () => record.completed(answer.status)) };
      default:
        record.started(101);
        return {
          ...answer,
          run: async (connection) => {
            try {
              await answer.run(connection);
            } finally {
              record.completed(101);
            }
          },
        };
    }
  }
}

/** The same, and a call once nothing more is read of it, also when it never was. */
function endingWith(body: AsyncIterable<Uint8Array>, ended: () => void): AsyncIterable<Uint8Array> {
  let isOver = false;
  const end = () => {
    if (!isOver) ended();
    isOver = true;
  };
  return {
    [Symbol.asyncIterator]() {
      const inner = body[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const result = await inner.next();
            if (result.done === true) end();
            return result;
          } catch (error) {
            end();
            throw error;
          }
        },
        async return() {
          end();
          await inner.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
