import { constants } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsOptions } from "node:tls";
import type { TlsFiles } from "#base/access.ts";
import { Fault, messageOf } from "#base/fault.ts";

const HANDSHAKE_MS = 10_000;
/** What TLS 1.2 may use; all of 1.3's are fine. Forward secrecy and authenticated encryption, or nothing. */
const ciphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * Reads the files and says how connections are to be made: TLS 1.2 or newer, HTTP/1.1, and with client authorities only clients
 * that they vouch for. Sessions are never resumed, so every connection's certificate is looked at, by the files read last.
 *
 * @throws {Fault} `invalid` when a file cannot be read or is not what it should be
 */
export function readTlsOptions(files: TlsFiles): TlsOptions {
  const options: TlsOptions = {
    cert: read(files.certificate, "TLS certificate"),
    key: read(files.key, "TLS key"),
    minVersion: "TLSv1.2",
    ciphers,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    handshakeTimeout: HANDSHAKE_MS,
    ALPNProtocols: ["http/1.1"],
    ...(files.clientAuthorities !== undefined && {
      ca: read(files.clientAuthorities, "CA certificate"),
      requestCert: true,
      rejectUnauthorized: true,
    }),
  };
  try {
    process.getBuiltinModule("node:tls").createSecureContext(options);
  } catch (error) {
    throw new Fault("invalid", `invalid TLS configuration: ${messageOf(error)}`, { cause: error });
  }
  return options;
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Fault("invalid", `invalid TLS configuration: could not read ${what} ${path}`, { cause: error });
  }
}
