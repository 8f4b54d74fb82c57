import { readFileSync } from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { RequestOptions } from "node:https";
import { collect } from "#base/collect.ts";
import { messageOf } from "#base/fault.ts";
import { https, request } from "#host/http.ts";
import type { PluginAddress, PluginTls } from "./find-plugin.ts";

/** An answer has a word and a sentence in it. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * Calls a plugin once, on a connection of its own, and resolves to the JSON it answers.
 *
 * @throws {Error} with Docker's text when it cannot be reached, says that it failed, or answers anything but JSON
 * @see Docker Engine, plugin API, "Plugin API"
 */
export async function callPlugin(
  address: PluginAddress,
  method: string,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const text = body === undefined ? "" : `${JSON.stringify(body)}\n`;
  const { status, answer } = await post(address, method, text, signal).catch((error: unknown) => {
    const why = signal.aborted ? "context deadline exceeded" : reasonOf(address, error);
    throw new Error(`Post "http://plugin.moby.localhost/${method}": ${why}`);
  });
  if (status !== 200) throw new Error(`${method}: ${complaintIn(answer)}`);
  if (answer.trim() === "") throw new Error("EOF");
  try {
    return JSON.parse(answer) as unknown;
  } catch (error) {
    throw new Error(`invalid JSON: ${messageOf(error)}`, { cause: error });
  }
}

function post(
  address: PluginAddress,
  method: string,
  text: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly answer: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; answer: string }>();
  const headers = {
    Host: "plugin.moby.localhost",
    Accept: "application/vnd.docker.plugins.v1.2+json",
    "Content-Length": Buffer.byteLength(text),
  };
  const outgoing = open(
    address,
    { method: "POST", path: `/${method}`, headers, signal, agent: false },
    (response) => {
      textOf(response).then((answer) => resolve({ status: response.statusCode ?? 0, answer }), reject);
    },
  );
  outgoing.on("error", reject);
  outgoing.end(text);
  return promise;
}

function open(
  address: PluginAddress,
  options: RequestOptions,
  onAnswer: (response: IncomingMessage) => void,
): ClientRequest {
  if (address.kind === "unix") return request({ ...options, socketPath: address.path }, onAnswer);
  const { host, port, tls } = address;
  if (tls === undefined) return request({ ...options, host, port }, onAnswer);
  return https().request({ ...options, host, port, ...readTls(tls) }, onAnswer);
}

function readTls({ verifies, ca, cert, key }: PluginTls): RequestOptions {
  return {
    rejectUnauthorized: verifies,
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && { cert: readFileSync(cert) }),
    ...(key !== undefined && { key: readFileSync(key) }),
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const tooLarge = () => new Error("its answer is too long");
  return Buffer.concat(await collect(response, MAX_ANSWER_BYTES, tooLarge)).toString("utf8");
}

/** As Go tells it. */
function reasonOf(address: PluginAddress, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const where = address.kind === "unix" ? `unix ${address.path}` : `tcp ${address.host}:${address.port}`;
  if (code === "ECONNREFUSED") return `dial ${where}: connect: connection refused`;
  if (code === "ENOENT") return `dial ${where}: connect: no such file or directory`;
  if (code === "ECONNRESET") return "EOF";
  return messageOf(error);
}

function complaintIn(answer: string): string {
  try {
    const { Err } = JSON.parse(answer) as { readonly Err?: unknown };
    if (typeof Err === "string" && Err !== "") return Err;
  } catch {
    // plain text
  }
  return answer.trim().slice(0, 1000);
}
