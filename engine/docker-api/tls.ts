import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** Whom a verified client certificate names. */
export interface CertifiedClient {
  /** Its common name; empty when it has none. */
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
}

/** Undefined on connections without TLS, and when the client has shown nothing that was verified. */
export function certifiedClientOf(socket: Socket): CertifiedClient | undefined {
  if (!isTls(socket) || !socket.authorized) return undefined;
  const found = socket.getPeerX509Certificate();
  if (found === undefined) return undefined;
  const { CN } = socket.getPeerCertificate().subject;
  const names: readonly unknown[] = Array.isArray(CN) ? CN : [CN ?? ""];
  return { name: String(names.at(-1)), certificate: found.toString() };
}

function isTls(socket: Socket): socket is TLSSocket {
  return "authorized" in socket && "getPeerX509Certificate" in socket;
}
