import { type Fault, messageOf } from "#base/fault.ts";
import { remoteFault } from "./remote-fault.ts";

interface Failure extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly hostname?: string;
  readonly port?: number;
  readonly syscall?: string;
  readonly reason?: string;
}

const unknownAuthority = "tls: failed to verify certificate: x509: certificate signed by unknown authority";

const texts: Readonly<Record<string, string>> = {
  ECONNRESET: "read: connection reset by peer",
  EPIPE: "write: broken pipe",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_HAS_EXPIRED: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
  ERR_SSL_WRONG_VERSION_NUMBER: "http: server gave HTTP response to HTTPS client",
  EPROTO: "http: server gave HTTP response to HTTPS client",
};
const dials: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ENETUNREACH: "connect: network is unreachable",
  EHOSTUNREACH: "connect: no route to host",
  ETIMEDOUT: "i/o timeout",
};

/** The failure of a request that got no answer, in the words of Docker's daemon: `Get "URL": dial tcp …`. */
export function requestFault(method: string, url: URL, error: unknown, isProxied = false): Fault {
  const failure = firstOf(error);
  const reason = reasonOf(failure, url);
  const text = isProxied && reason.startsWith("dial tcp") ? `proxyconnect tcp: ${reason}` : reason;
  const isTransient = !text.startsWith("tls: ") && !text.startsWith("http: ");
  return remoteFault(`${verb(method)} "${url.href}": ${text}`, { code: "", status: 0, isTransient }, error);
}

/** `GET` is `Get`, as Go has it in errors. */
export function verb(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase();
}

/** Of a connection that was tried at several addresses: the failure at the first one of IPv4, which people recognise. */
function firstOf(error: unknown): Failure {
  if (!(error instanceof AggregateError)) return error as Failure;
  const failures = error.errors as readonly Failure[];
  return failures.find(({ address = "" }) => address.includes(".")) ?? failures[0] ?? error;
}

function reasonOf(failure: Failure, url: URL): string {
  const { code = "", address = "", port } = failure;
  const { hostname = url.hostname } = failure;
  if (code === "ENOTFOUND") return `dial tcp: lookup ${hostname}: no such host`;
  if (code === "EAI_AGAIN") return `dial tcp: lookup ${hostname}: Temporary failure in name resolution`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `tls: failed to verify certificate: x509: certificate is not valid for ${url.hostname}`;
  const dial = dials[code];
  if (dial !== undefined && address !== "")
    return `dial tcp ${address.includes(":") ? `[${address}]` : address}:${port}: ${dial}`;
  if (failure.message === "socket hang up") return "EOF";
  return texts[code] ?? messageOf(failure);
}
