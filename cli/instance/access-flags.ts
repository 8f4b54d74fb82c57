import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Access, TcpSecurity, TlsFiles } from "#base/access.ts";
import { Fault } from "#base/fault.ts";
import { parseListenAddresses } from "#base/listen-address.ts";
import type { FlagTable, FlagValues } from "../flags.ts";

/** Flags of whatever starts an engine, named as dockerd's. */
export const accessFlags = {
  host: {
    kind: "list",
    short: "H",
    value: "ADDRESS",
    help: "Serve there as well: unix://PATH, tcp://HOST:PORT, fd:// (may be repeated)",
  },
  tls: { kind: "bool", help: "Serve tcp:// over TLS; implied by --tlsverify" },
  tlsverify: { kind: "bool", help: "Serve tcp:// over TLS, and only clients with a certificate" },
  tlscacert: {
    kind: "text",
    value: "FILE",
    help: "Who signed the clients' certificates (default ~/.docker/ca.pem)",
  },
  tlscert: { kind: "text", value: "FILE", help: "The engine's certificate (default ~/.docker/cert.pem)" },
  tlskey: { kind: "text", value: "FILE", help: "The engine's key (default ~/.docker/key.pem)" },
  "insecure-tcp": {
    kind: "bool",
    help: "Allow tcp:// without --tlsverify: whoever can reach it is root on this machine",
  },
  "authorization-plugin": {
    kind: "list",
    value: "NAME",
    help: "Ask this plugin about every request (may be repeated: all must allow it)",
  },
} as const satisfies FlagTable;

type Values = FlagValues<typeof accessFlags>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the flags come to. Descriptors of systemd's socket activation are found in the environment.
 *
 * @throws {Fault} `invalid` for a bad address, and for TLS that lets anyone in unless that was asked for
 */
export function planAccess(values: Values, env: Environment, pid: number): Access {
  const hasTls = values.tls || values.tlsverify;
  return {
    listen: values.host.flatMap((text) => parseListenAddresses(text, hasTls, inheritedSockets(env, pid))),
    tcp: planTcp(values, env),
    authorizationPlugins: [...new Set(values["authorization-plugin"])],
  };
}

function planTcp(values: Values, env: Environment): TcpSecurity {
  const isInsecure = values["insecure-tcp"];
  if (values.tlsverify) return { kind: "tls", files: tlsFiles(values, env, true) };
  if (!values.tls) return { kind: isInsecure ? "plain" : "refused" };
  if (isInsecure) return { kind: "tls", files: tlsFiles(values, env, false) };
  throw new Fault(
    "invalid",
    "--tls alone lets in everyone who can reach the address: use --tlsverify, or add --insecure-tcp if that is what you want",
  );
}

function tlsFiles(values: Values, env: Environment, verifies: boolean): TlsFiles {
  const folder = env["DOCKER_CERT_PATH"] ?? join(env["HOME"] ?? homedir(), ".docker");
  const file = (given: string | undefined, name: string) => resolve(given ?? join(folder, name));
  return {
    certificate: file(values.tlscert, "cert.pem"),
    key: file(values.tlskey, "key.pem"),
    ...(verifies && { clientAuthorities: file(values.tlscacert, "ca.pem") }),
  };
}

/**
 * Takes what tells of inherited sockets out of this process's environment: the runtime would read it as being about descriptors
 * of its own, and hand those on to containers.
 */
export function forgetInheritedSockets(): void {
  for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete process.env[name];
}

/** @see sd_listen_fds(3) */
function inheritedSockets(env: Environment, pid: number): readonly number[] {
  if (env["LISTEN_PID"] !== String(pid)) return [];
  return Array.from({ length: Number(env["LISTEN_FDS"] ?? 0) }, (_, index) => 3 + index);
}

/** The flags again, as words for another start of the program, which has another working folder. */
export function accessWords(values: Values, env: Environment): readonly string[] {
  const files = planTcp(values, env);
  const paths: readonly (readonly [string, string | undefined])[] =
    files.kind === "tls"
      ? [
          ["tlscert", files.files.certificate],
          ["tlskey", files.files.key],
          ["tlscacert", files.files.clientAuthorities],
        ]
      : [];
  return [
    ...values.host.map((text) => `--host=${text}`),
    ...(["tls", "tlsverify", "insecure-tcp"] as const)
      .filter((name) => values[name])
      .map((name) => `--${name}`),
    ...paths.filter(([, path]) => path !== undefined).map(([name, path]) => `--${name}=${path}`),
    ...values["authorization-plugin"].map((name) => `--authorization-plugin=${name}`),
  ];
}
