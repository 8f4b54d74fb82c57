import http from "node:http";
import https from "node:https";
import { Fault } from "#base/fault.ts";

const maxRedirects = 10;
/** Of what a server says of its refusal. */
const maxReasonBytes = 4096;

/**
 * The answer of a web server, redirects followed, with its body still to be read.
 *
 * @throws {Fault} `invalid` when there is no such server or address; for a refusal, with what the server says of it, `not-found`,
 *   `forbidden`, or else `invalid`
 */
export async function openRemote(address: string, signal: AbortSignal): Promise<http.IncomingMessage> {
  let url = new URL(address);
  if (!isWeb(url))
    throw new Fault(
      "invalid",
      `Get "${address}": unsupported protocol scheme "${url.protocol.slice(0, -1)}"`,
    );
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const answer = await request(url, signal);
    const { statusCode = 0, headers } = answer;
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      answer.resume();
      const next = URL.parse(headers.location, url);
      if (next === null || !isWeb(next))
        throw new Fault("invalid", `failed to GET ${address}: redirected to ${next?.protocol ?? "nowhere"}`);
      url = next;
      continue;
    }
    if (statusCode === 200) return answer;
    const reason = await reasonOf(answer);
    const status = `${statusCode} ${answer.statusMessage ?? ""}`;
    throw new Fault(kindOf(statusCode), `failed to GET ${address} with status ${status}: ${reason}`);
  }
  throw new Fault("invalid", `failed to GET ${address}: stopped after ${maxRedirects} redirects`);
}

function isWeb({ protocol }: URL): boolean {
  return protocol === "http:" || protocol === "https:";
}

function request(url: URL, signal: AbortSignal): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const get = url.protocol === "https:" ? https.get : http.get;
  const sent = get(url, { signal, agent: false, headers: { "User-Agent": "gantry" } }, resolve);
  sent.once("error", (error) =>
    reject(
      signal.aborted ? error : new Fault("invalid", `Get ${JSON.stringify(url.href)}: ${error.message}`),
    ),
  );
  return promise;
}

function kindOf(status: number): "not-found" | "forbidden" | "invalid" {
  if (status === 404) return "not-found";
  return status === 401 || status === 403 ? "forbidden" : "invalid";
}

async function reasonOf(answer: http.IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= maxReasonBytes) break;
  }
  return Buffer.concat(pieces).toString("utf8", 0, maxReasonBytes).trim();
}
