import type { IncomingMessage } from "node:http";
import type { AnswerFacts, Authorization, RequestFacts } from "#engine/authorization/authorization.ts";
import type { Answer, HeaderPairs } from "./answer.ts";
import { mayBeJson } from "./body.ts";
import { bufferRequest } from "./buffered-request.ts";
import { errorAnswer } from "./errors.ts";
import { certifiedClientOf } from "./tls.ts";

/** Never shown to plugins. */
const secretHeaders = new Set(["authorization", "x-registry-config", "x-registry-auth"]);

/** One request that plugins have allowed, and whose answer they are still to see. */
export interface PassedRequest {
  /** In place of the one that came: its body has been read. */
  readonly request: IncomingMessage;
  /** The answer, or the refusal to show it; what the answer would have done is called off then. */
  check(answer: Answer): Promise<Answer>;
}

/**
 * Shows a request to the plugins, and settles when all of them allow it.
 *
 * @param common headers of every answer
 * @param hasSecretBody whether its body is a password
 * @throws {Fault} as {@link Authorization.allowRequest}, and `exhausted` for a body that is too long to be shown
 */
export async function passGate(
  authorization: Authorization,
  arrived: IncomingMessage,
  {
    common,
    hasSecretBody,
    signal,
  }: { readonly common: HeaderPairs; readonly hasSecretBody: boolean; readonly signal: AbortSignal },
): Promise<PassedRequest> {
  const client = certifiedClientOf(arrived.socket);
  const { request, body } = hasSecretBody
    ? { request: arrived, body: undefined }
    : await bufferRequest(arrived);
  const facts: RequestFacts = {
    user: client?.name ?? "",
    method: client === undefined ? "" : "TLS",
    requestMethod: arrived.method ?? "",
    requestUri: arrived.url ?? "",
    headers: headersOf(
      arrived.rawHeaders.filter((_, index, all) => all[index - (index % 2)]?.toLowerCase() !== "host"),
    ),
    body,
    peerCertificates: client === undefined ? [] : [client.certificate],
  };
  await authorization.allowRequest(facts, signal);
  return {
    request,
    async check(answer) {
      try {
        await authorization.allowAnswer(facts, answerFacts(answer, common, hasSecretBody), signal);
        return answer;
      } catch (error) {
        await callOff(answer);
        return errorAnswer(error);
      }
    },
  };
}

/** The last value of each, under the name as Go writes it. */
function headersOf(pairs: HeaderPairs): Readonly<Record<string, string>> {
  const found: [string, string][] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = pairs[index] ?? "";
    if (!secretHeaders.has(name.toLowerCase())) found.push([canonical(name), pairs[index + 1] ?? ""]);
  }
  return Object.fromEntries(found);
}

/** @see Go, net/textproto, CanonicalMIMEHeaderKey */
function canonical(name: string): string {
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function answerFacts(answer: Answer, common: HeaderPairs, isSecret: boolean): AnswerFacts {
  const type = answer.kind === "empty" ? [] : ["Content-Type", answer.type];
  const own = answer.kind === "hijack" ? [] : (answer.headers ?? []);
  const isShown = answer.kind === "body" && mayBeJson(answer.type) && !isSecret;
  return {
    status: answer.kind === "body" || answer.kind === "empty" ? answer.status : 200,
    headers: headersOf([...common, ...type, ...own]),
    body: isShown ? Buffer.from(answer.body) : undefined,
  };
}

async function callOff(answer: Answer): Promise<void> {
  if (answer.kind === "hijack") answer.cancel();
  if (answer.kind === "stream") await answer.chunks[Symbol.asyncIterator]().return?.();
}
