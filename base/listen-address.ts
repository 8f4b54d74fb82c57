import { Fault } from "./fault.ts";

/** Where a daemon takes connections. */
export type ListenAddress =
  | { readonly kind: "unix"; readonly path: string }
  /** An empty host is every address of the machine. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** Bound by whoever started the daemon. */
  | { readonly kind: "descriptor"; readonly descriptor: number };

const plainPort = 2375;
const tlsPort = 2376;

/**
 * Reads what dockerd takes for `--host`: `unix://PATH`, `tcp://HOST:PORT`, `fd://` and `fd://N`. Empty parts have dockerd's
 * defaults: `/var/run/docker.sock`, 127.0.0.1 without host and port but every address with a port alone, 2375, or 2376 under TLS.
 *
 * @param inherited descriptors that systemd's socket activation has handed over, for `fd://`
 * @throws {Fault} `invalid` with dockerd's texts
 */
export function parseListenAddresses(
  text: string,
  hasTls: boolean,
  inherited: readonly number[],
): readonly ListenAddress[] {
  const [, scheme = "tcp", rest = ""] = /^(?:([a-z]+):\/\/)?(.*)$/s.exec(text.trim()) ?? [];
  switch (scheme) {
    case "unix":
      return [{ kind: "unix", path: pathOf(rest, text) }];
    case "tcp":
      return [tcpOf(rest, text, hasTls ? tlsPort : plainPort)];
    case "fd":
      return descriptorsOf(rest, inherited);
    default:
      throw bad(text, `unsupported proto '${scheme}'`);
  }
}

/**
 * What takes connections of one protocol at one place, `HOST:PORT`.
 *
 * @throws {Fault} `invalid`, which names the flag
 */
export function parseTcpAddress(
  text: string,
  flag: string,
): { readonly host: string; readonly port: number } {
  const [address] = parseListenAddresses(text, true, []);
  if (address?.kind !== "tcp") throw new Fault("invalid", `--${flag} takes HOST:PORT, not ${text}`);
  return address;
}

function pathOf(rest: string, text: string): string {
  if (rest === "") return "/var/run/docker.sock";
  if (!rest.startsWith("/")) throw bad(text, "the path of a socket must be absolute");
  return rest;
}

function tcpOf(rest: string, text: string, defaultPort: number): ListenAddress {
  if (rest === "") return { kind: "tcp", host: "127.0.0.1", port: defaultPort };
  const [, bracketed, name = "", port] =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/[\]]*))(?::(\d{1,5}))?$/.exec(rest) ?? [];
  const host = bracketed ?? name;
  if ((host === "" && port === undefined) || Number(port ?? 0) > 65535)
    throw bad(text, "not a host and a port");
  return { kind: "tcp", host, port: Number(port ?? defaultPort) };
}

function descriptorsOf(rest: string, inherited: readonly number[]): readonly ListenAddress[] {
  if (inherited.length === 0)
    throw new Fault(
      "invalid",
      "no sockets found via socket activation: make sure the service was started by systemd",
    );
  const wanted = rest === "" || rest === "*" ? inherited : inherited.filter((fd) => String(fd) === rest);
  if (wanted.length === 0) throw bad(`fd://${rest}`, "no such socket was handed over");
  return wanted.map((descriptor) => ({ kind: "descriptor", descriptor }));
}

function bad(text: string, why: string): Fault {
  return new Fault("invalid", `invalid bind address (${text}): ${why}`);
}

/** As people write it. */
export function formatListenAddress(address: ListenAddress): string {
  switch (address.kind) {
    case "unix":
      return `unix://${address.path}`;
    case "tcp":
      return `tcp://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
    case "descriptor":
      return `fd://${address.descriptor}`;
    default:
      return address satisfies never;
  }
}
