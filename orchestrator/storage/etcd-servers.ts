import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { Fault, messageOf } from "#base/fault.ts";

export interface EtcdServers {
  /** `http://HOST:PORT` or `https://HOST:PORT` each; members of one cluster. */
  readonly urls: readonly URL[];
  /** PEM; who has signed the servers' certificates. Absent: the machine's authorities. */
  readonly ca?: string;
  /** PEM; who we are to them. */
  readonly credentials?: { readonly cert: string; readonly key: string };
}

const connectTimeoutMs = 5000;
const usualPort = 2379;

/**
 * Reads the URLs of etcd servers, as upstream's `--etcd-servers` has them.
 *
 * @throws {Fault} `invalid`
 */
export function parseEtcdServers(text: string): readonly URL[] {
  const urls = text.split(",").filter((each) => each.trim() !== "");
  if (urls.length === 0) throw new Fault("invalid", "--etcd-servers must be specified");
  return urls.map((each) => {
    const url = URL.parse(each.trim());
    if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
      throw new Fault(
        "invalid",
        `invalid --etcd-servers ${JSON.stringify(each)}: must be http(s)://HOST:PORT`,
      );
    return url;
  });
}

/** Makes connections to the first server that takes one; it is asked first the next time, too. */
export function etcdConnector(servers: EtcdServers): (signal: AbortSignal) => Promise<Duplex> {
  let first = 0;
  return async (signal) => {
    const { length } = servers.urls;
    const reasons: string[] = [];
    for (let tried = 0; tried < length; tried++) {
      const at = (first + tried) % length;
      const url = servers.urls[at];
      if (url === undefined) continue;
      try {
        const socket = await connectTo(url, servers, signal);
        first = at;
        return socket;
      } catch (error) {
        signal.throwIfAborted();
        reasons.push(`${url.host}: ${messageOf(error)}`);
      }
    }
    throw new Fault("unavailable", `etcd cannot be reached: ${reasons.join("; ")}`);
  };
}

async function connectTo(url: URL, { ca, credentials }: EtcdServers, signal: AbortSignal): Promise<Duplex> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const to = { host, port: Number(url.port || usualPort) };
  const isSecure = url.protocol === "https:";
  const names = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const trust = { ...(ca !== undefined && { ca }), ...credentials, ...names };
  const socket = isSecure
    ? connectTls({ ...to, ...trust, ALPNProtocols: ["h2"], minVersion: "TLSv1.2" })
    : connectTcp(to);
  try {
    const until = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)]);
    await once(socket, isSecure ? "secureConnect" : "connect", { signal: until });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, connectTimeoutMs);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
