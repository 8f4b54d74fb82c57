import { Fault, messageOf } from "#base/fault.ts";
import { type Connect, http1Transport } from "#client/http1.ts";
import type { Connection, Transport } from "#client/transport.ts";
import { bunRuntime, connectBun } from "./connect-bun.ts";

/** Where a daemon listens. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | {
      readonly kind: "tcp";
      readonly host: string;
      readonly port: number;
      readonly tls?: TlsFiles;
    };

/** Contents of PEM files, and whether the daemon's certificate must be right. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly verify: boolean;
}

/** HTTP to a daemon; a connection for each request. `headers` are sent with each. */
export function openTransport(endpoint: Endpoint, headers: Readonly<Record<string, string>> = {}): Transport {
  return http1Transport(connectTo(endpoint), { headers });
}

function connectTo(endpoint: Endpoint): Connect {
  return async (signal) => {
    try {
      return endpoint.kind === "unix"
        ? await connectUnix(endpoint.path, signal)
        : await connectTcp(endpoint, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw unreachable(endpoint, cause);
    }
  };
}

async function connectUnix(path: string, signal: AbortSignal) {
  const bun = bunRuntime();
  if (bun !== undefined) return await connectBun(bun, path, signal);
  const [{ connect }, { connectionOf }] = await Promise.all([
    import("node:net"),
    import("./connect-node.ts"),
  ]);
  return await connectionOf(connect({ path, allowHalfOpen: true }), "connect", signal);
}

export async function connectTcp(
  { host, port, tls }: Extract<Endpoint, { kind: "tcp" }>,
  signal: AbortSignal,
): Promise<Connection> {
  const { connectionOf } = await import("./connect-node.ts");
  if (tls === undefined) {
    const { connect } = await import("node:net");
    return await connectionOf(connect({ host, port, allowHalfOpen: true }), "connect", signal);
  }
  const { connect } = await import("node:tls");
  const { verify, ...files } = tls;
  // TLS has no half-close that Node offers: the end of our side is told by the close of the session's write side.
  const options = {
    host,
    port,
    ...files,
    rejectUnauthorized: verify,
    ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }),
    allowHalfOpen: true,
  };
  const socket = connect(options as import("node:tls").ConnectionOptions);
  return await connectionOf(socket, "secureConnect", signal);
}

function unreachable(endpoint: Endpoint, cause: unknown): Fault {
  const address =
    endpoint.kind === "unix" ? `unix://${endpoint.path}` : `tcp://${endpoint.host}:${endpoint.port}`;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "EACCES" || code === "EPERM")
    return new Fault(
      "unavailable",
      `permission denied while trying to connect to the Docker daemon socket at ${address}`,
      { cause },
    );
  const isTls = code !== undefined && /CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO/.test(code);
  const why = isTls ? ` (${messageOf(cause)})` : "";
  return new Fault(
    "unavailable",
    `Cannot connect to the Docker daemon at ${address}. Is the docker daemon running?${why}`,
    { cause },
  );
}
