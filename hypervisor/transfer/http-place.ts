import { lookup } from "node:dns";
import { createReadStream, createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Fault, isFault, isFullDisk, messageOf } from "#base/fault.ts";
import { loopbackRanges } from "#base/registry-settings.ts";
import type { Place } from "./place.ts";

const maxRedirects = 5;
const silentMs = 60_000;
/**
 * The host's own services and what its provider tells it are nobody's business who may make backups. Of 100::/64 is what stands for
 * ::1 in the rules of networks; fd00:ec2::254 and fd20:ce::254 are the metadata of AWS and of Google.
 */
const forbidden = blockListOf([
  ...loopbackRanges,
  "0.0.0.0/8",
  "169.254.0.0/16",
  "::/128",
  "fe80::/10",
  "100::/64",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
]);

/** A folder of a web server: read by GET, written by PUT as WebDAV servers and object stores take it. */
export function httpPlace(folder: URL): Place {
  const urlOf = (name: string) => {
    const url = new URL(folder);
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/${encodeURIComponent(name)}`;
    return url;
  };
  return {
    fetch: async (name, to, limitBytes, signal) => await download(urlOf(name), name, to, limitBytes, signal),
    preparationFile: async (_, elsewhere) => elsewhere(),
    store: async (from, name, signal) => await upload(from, urlOf(name), name, signal),
    remove: async (name, signal) => {
      const answer = await send(urlOf(name), { method: "DELETE" }, signal, (request) => request.end());
      answer.resume();
    },
  };
}

async function download(
  url: URL,
  name: string,
  to: string,
  limitBytes: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    const answer = await get(url, name, signal);
    await pipeline(answer, bounded(name, limitBytes), createWriteStream(to, { mode: 0o600 }), { signal });
    const { size } = await stat(to);
    const length = answer.headers["content-length"];
    if (length !== undefined && Number(length) !== size) throw new Fault("remote", `'${name}' is cut off`);
  } catch (error) {
    await rm(to, { force: true });
    throw asFault(error, name);
  }
}

async function get(url: URL, name: string, signal: AbortSignal): Promise<IncomingMessage> {
  for (let at = url, left = maxRedirects; ; left--) {
    const answer = await send(at, { method: "GET" }, signal, (request) => request.end());
    const { statusCode = 0, headers } = answer;
    if (statusCode === 200) return answer;
    answer.resume();
    const next = statusCode >= 300 && statusCode < 400 ? URL.parse(headers.location ?? "", at) : null;
    if (next === null || left === 0) throw refusal(statusCode, name);
    if (!/^https?:$/.test(next.protocol) || (at.protocol === "https:" && next.protocol === "http:"))
      throw new Fault("remote", `'${name}' has moved to where it is not read from`);
    at = next;
  }
}

async function upload(from: string, url: URL, name: string, signal: AbortSignal): Promise<void> {
  try {
    const { size } = await stat(from);
    const headers = { "Content-Length": size, "Content-Type": "application/octet-stream" };
    const answer = await send(url, { method: "PUT", headers }, signal, (request) => {
      pipeline(createReadStream(from), request, { signal }).catch((error: unknown) =>
        request.destroy(error as Error),
      );
    });
    answer.resume();
    if ((answer.statusCode ?? 0) >= 300) throw refusal(answer.statusCode ?? 0, name);
  } catch (error) {
    throw asFault(error, name);
  }
}

async function send(
  url: URL,
  options: RequestOptions,
  signal: AbortSignal,
  begin: (request: ClientRequest) => void,
): Promise<IncomingMessage> {
  checkAddress(url.hostname.replace(/^\[|\]$/g, ""));
  const { request } = await (url.protocol === "https:" ? import("node:https") : import("node:http"));
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { username, password } = url;
  const auth =
    username === "" ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` };
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  const sent = request(bare, { ...options, ...auth, lookup: publicLookup, signal, agent: false });
  sent.setTimeout(silentMs, () => sent.destroy(new Fault("remote", `${url.host} does not answer`)));
  sent.on("error", reject);
  sent.on("response", resolve);
  begin(sent);
  return await promise;
}

/** Looks names up as usual, and refuses what they must not lead to. */
const publicLookup: LookupFunction = (host, options, callback) => {
  lookup(host, options, (error, address, family) => {
    try {
      if (error === null)
        for (const one of Array.isArray(address) ? address : [{ address }]) checkAddress(one.address);
      callback(error, address as string, family);
    } catch (refused) {
      callback(refused as NodeJS.ErrnoException, "", 4);
    }
  });
};

function checkAddress(address: string): void {
  const family = isIP(address);
  const plain = family === 6 ? address.replace(/^::ffff:(?=\d+\.)/i, "") : address;
  if (family !== 0 && forbidden.check(plain, isIP(plain) === 6 ? "ipv6" : "ipv4"))
    throw new Fault("forbidden", `${address} is this host's own`);
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

function bounded(name: string, limitBytes: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > limitBytes) done(new Fault("invalid", `'${name}' is too large`));
      else done(null, chunk);
    },
  });
}

function refusal(status: number, name: string): Fault {
  if (status === 404 || status === 410) return new Fault("not-found", `There is no '${name}'`);
  if (status === 401 || status === 403)
    return new Fault("forbidden", `The server refuses '${name}': ${status}`);
  if (status === 507) return new Fault("exhausted", "The server has no space left");
  return new Fault("remote", `The server answers ${status} for '${name}'`);
}

function asFault(error: unknown, name: string): unknown {
  if (isFault(error) || (error instanceof Error && error.name === "AbortError")) return error;
  if (isFullDisk(error)) return new Fault("exhausted", "No space left on device", { cause: error });
  return new Fault("remote", `'${name}' cannot be transferred: ${messageOf(error)}`, { cause: error });
}
