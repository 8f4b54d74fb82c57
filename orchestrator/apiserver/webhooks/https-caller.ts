import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { messageOf } from "#base/fault.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import type { CallWebhook } from "#orchestrator/admission/callouts/webhooks.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { type ReadyEndpoint, readyEndpoints } from "../connect/ready-endpoints.ts";

/** More no webhook may answer. */
const answerMostBytes = 8 << 20;

interface Target {
  /** As clients are told. */
  readonly url: string;
  readonly path: string;
  /** Whom its certificate is of. */
  readonly serverName: string;
  readonly port: number;
  /** Whose endpoints are asked, in place of the server of that name. */
  readonly service?: { readonly namespace: string; readonly name: string };
}

interface Service extends KubeObject {
  readonly spec?: {
    readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  };
}

/**
 * Calls webhooks by HTTPS: those of services at their endpoints, without a detour through the service proxy. Connections are kept.
 */
export function httpsWebhooks(objects: ObjectReader): CallWebhook {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 4, timeout: 60_000 });
  return async (client, review, timeoutS, signal) => {
    const target = targetOf(client, timeoutS);
    const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutS * 1000)]);
    const ca =
      client.caBundle === undefined || client.caBundle === ""
        ? undefined
        : Buffer.from(client.caBundle, "base64");
    try {
      return await post(agent, target, placeOf(objects, target), ca, JSON.stringify(review), within);
    } catch (error) {
      const isLate = within.aborted && !signal.aborted;
      throw new Error(`Post "${target.url}": ${isLate ? "context deadline exceeded" : reasonOf(error)}`, {
        cause: error,
      });
    }
  };
}

const untrusted = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

function reasonOf(error: unknown): string {
  const { code } = error as { readonly code?: string };
  return code !== undefined && untrusted.has(code)
    ? "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    : messageOf(error);
}

function targetOf(client: Parameters<CallWebhook>[0], timeoutS: number): Target {
  const query = `timeout=${timeoutS}s`;
  if (client.service === undefined) {
    const url = new URL(client.url ?? "");
    url.search = url.search === "" ? `?${query}` : `${url.search}&${query}`;
    if (url.protocol !== "https:") throw new Error("a webhook must be called by https");
    return {
      url: url.href,
      path: `${url.pathname}${url.search}`,
      serverName: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port || 443),
    };
  }
  const { name, namespace, path = "/", port = 443 } = client.service;
  const serverName = `${name}.${namespace}.svc`;
  const full = `${path.startsWith("/") ? path : `/${path}`}?${query}`;
  const url = `https://${serverName}:${port}${full}`;
  return { url, path: full, serverName, port, service: { namespace, name } };
}

/** For a service, a ready endpoint of it, any of several. */
function placeOf(objects: ObjectReader, { service: of, serverName, port }: Target): ReadyEndpoint {
  if (of === undefined) return { host: serverName, port };
  const { namespace, name } = of;
  const service = objects.find<Service>("services", namespace, name);
  if (service === undefined) throw new Error(`service "${name}" not found`);
  const wanted = service.spec?.ports?.find((each) => each.port === port);
  if (wanted === undefined) throw new Error(`no service port ${port} found for service "${name}"`);
  const found = readyEndpoints(objects, of, wanted.name);
  const chosen = found[Math.floor(Math.random() * found.length)];
  if (chosen === undefined) throw new Error(`no endpoints available for service "${name}"`);
  return chosen;
}

async function post(
  agent: Agent,
  { url, path, serverName }: Target,
  place: ReadyEndpoint,
  ca: Buffer | undefined,
  body: string,
  signal: AbortSignal,
): Promise<unknown> {
  const send = (): ClientRequest =>
    httpsRequest({
      ...place,
      path,
      method: "POST",
      signal,
      agent,
      servername: isIP(serverName) === 0 ? serverName : "",
      ...(ca !== undefined && { ca }),
      headers: {
        host: new URL(url).host,
        "content-type": "application/json",
        accept: "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "kube-apiserver-admission",
      },
    }).end(body);
  const answer = await answerTo(send);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += (chunk as Buffer).length;
    if (size > answerMostBytes) throw new Error("the answer is too long");
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString();
  if (answer.statusCode !== undefined && (answer.statusCode < 200 || answer.statusCode > 299))
    throw new Error(`the server responded with the status code ${answer.statusCode}`);
  return JSON.parse(text);
}

async function answerTo(send: () => ClientRequest): Promise<IncomingMessage> {
  const request = send();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request.once("response", resolve);
  request.on("error", reject);
  try {
    return await promise;
  } catch (error) {
    // A connection that was kept may have been closed by the other side meanwhile.
    if (request.reusedSocket && (error as { readonly code?: string }).code === "ECONNRESET")
      return await answerTo(send);
    throw error;
  }
}
