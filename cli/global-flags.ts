import { bool, type FlagTable, type FlagValues, text } from "./flags.ts";

/** Flags that name an instance of Gantry's engine; its own commands take them anywhere. */
export const instanceFlags = {
  root: text("FOLDER", "Where data is kept (GANTRY_ROOT, default /var/lib/gantry)"),
  run: text("FOLDER", "Where sockets are (GANTRY_RUN, default /run/gantry)"),
  "bridge-cidr": text("CIDR", "Address and size of the default bridge, e.g. 10.88.0.1/16"),
  "userns-remap": text("default", "Give every container a user namespace with IDs of its own"),
} as const satisfies FlagTable;

/** Flags that stand before the command. */
export const globalFlags = {
  config: text("string", "Folder of the client's configuration (default ~/.docker)"),
  context: text("string", "Context that names the daemon", "c", { complete: "context" }),
  debug: bool("Say more of what goes wrong", "D"),
  host: text("string", "Daemon to talk to: unix://PATH or tcp://HOST:PORT", "H"),
  "log-level": text("string", "debug, info, warn, error or fatal", "l", { shownDefault: '"info"' }),
  tls: bool("Use TLS"),
  tlscacert: text("string", "Certificate of the authority to trust"),
  tlscert: text("string", "Certificate to show the daemon"),
  tlskey: text("string", "Key of that certificate"),
  tlsverify: bool("Use TLS and check the daemon's certificate"),
  version: bool("Show the version", "v"),
  ...instanceFlags,
} as const satisfies FlagTable;

export type GlobalValues = FlagValues<typeof globalFlags>;
export type InstanceValues = FlagValues<typeof instanceFlags>;
