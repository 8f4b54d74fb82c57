import { Fault, messageOf } from "#base/fault.ts";
import type { AnswerFacts, Authorization, RequestFacts } from "./authorization.ts";
import { findPlugin, memberOf, type PluginAddress, type PluginFolders, usualFolders } from "./find-plugin.ts";
import { callPlugin } from "./plugin-call.ts";

const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Authorization by plugins of Docker's protocol. Each is found and made acquaintance with now, and found again for every call, as
 * its socket may have moved. Whatever a plugin does, other than saying that it allows something, denies it.
 *
 * @param timeoutMs for one plugin's answer
 * @throws {Fault} `not-found` when there is no plugin of a name, `unavailable` when it does not answer, `invalid` when it is none
 *   for authorization
 * @see Docker Engine, access authorization plugins
 */
export async function openAuthorization(
  names: readonly string[],
  folders: PluginFolders = usualFolders,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<Authorization> {
  for (const name of names) await activate(name, folders, timeoutMs);
  const ask = async (method: string, message: object, signal: AbortSignal) => {
    for (const name of names) await askOne(name, folders, method, message, bounded(signal, timeoutMs));
  };
  return {
    names,
    allowRequest: (request, signal) => ask("AuthZPlugin.AuthZReq", requestMessage(request), signal),
    allowAnswer: (request, answer, signal) =>
      ask("AuthZPlugin.AuthZRes", { ...requestMessage(request), ...answerMessage(answer) }, signal),
  };
}

function bounded(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}

async function activate(name: string, folders: PluginFolders, timeoutMs: number): Promise<void> {
  const failure = (why: string) => `failed to validate authorization plugin: ${why}`;
  let address: PluginAddress;
  let answer: unknown;
  try {
    address = await findPlugin(name, folders);
  } catch (error) {
    throw new Fault("not-found", failure(messageOf(error)), { cause: error });
  }
  try {
    answer = await callPlugin(address, "Plugin.Activate", undefined, AbortSignal.timeout(timeoutMs));
  } catch (error) {
    throw new Fault("unavailable", failure(messageOf(error)), { cause: error });
  }
  const implemented = memberOf(answer, "Implements");
  if (!Array.isArray(implemented) || !implemented.some((it) => String(it).toLowerCase() === "authz"))
    throw new Fault("invalid", failure(`plugin "${name}" does not implement authz`));
}

async function askOne(
  name: string,
  folders: PluginFolders,
  method: string,
  message: object,
  signal: AbortSignal,
): Promise<void> {
  let answer: unknown;
  try {
    answer = await callPlugin(await findPlugin(name, folders), method, message, signal);
  } catch (error) {
    throw new Fault("internal", `plugin ${name} failed with error: ${messageOf(error)}`, { cause: error });
  }
  if (memberOf(answer, "Allow") === true) return;
  const why = memberOf(answer, "Msg");
  throw new Fault(
    "forbidden",
    `authorization denied by plugin ${name}: ${typeof why === "string" ? why : ""}`,
  );
}

/** As dockerd writes it: what is empty is left out, bytes are in base64, a certificate is its PEM in base64. */
function requestMessage(request: RequestFacts): object {
  const { user, method, body, peerCertificates } = request;
  return {
    ...(user !== "" && { User: user }),
    ...(method !== "" && { UserAuthNMethod: method }),
    RequestMethod: request.requestMethod,
    RequestUri: request.requestUri,
    ...(body !== undefined && body.length > 0 && { RequestBody: body.toString("base64") }),
    RequestHeaders: request.headers,
    ...(peerCertificates.length > 0 && {
      RequestPeerCertificates: peerCertificates.map((pem) => Buffer.from(pem).toString("base64")),
    }),
  };
}

function answerMessage({ status, headers, body }: AnswerFacts): object {
  return {
    ResponseStatusCode: status,
    ...(body !== undefined && body.length > 0 && { ResponseBody: body.toString("base64") }),
    ResponseHeaders: headers,
  };
}
