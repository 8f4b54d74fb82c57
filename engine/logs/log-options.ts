import { statSync } from "node:fs";
import { Fault, messageOf } from "#base/fault.ts";
import { parseAddress as parseFluentd, validateFluentd } from "./drivers/fluentd-options.ts";
import { validateGelf } from "./drivers/gelf-options.ts";
import { facilityOf, formatOf, parseAddress as parseSyslog } from "./drivers/syslog-options.ts";
import { parseBool, parseInteger, parseSize } from "./go-values.ts";
import { extraAttributes, type LogInfo } from "./log-info.ts";
import { renderTag } from "./tag-template.ts";

/** @see Docker Engine API v1.51, HostConfig.LogConfig */
export interface LogConfig {
  readonly Type: string;
  readonly Config: Readonly<Record<string, string>>;
}

type Options = LogConfig["Config"];

/** As `docker info` lists them. */
export const logDrivers = ["fluentd", "gelf", "journald", "json-file", "local", "syslog"] as const;
export type RemoteDriver = "syslog" | "journald" | "gelf" | "fluentd";

/** Whether records of this driver go somewhere else than to the engine's own files. */
export function isRemote(type: string): type is RemoteDriver {
  return type === "syslog" || type === "journald" || type === "gelf" || type === "fluentd";
}

const describing = ["labels", "labels-regex", "env", "env-regex", "tag"];
const caching = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];
const general = new Set(["mode", "max-buffer-size", ...caching]);
const optionsOf: Readonly<Record<string, ReadonlySet<string>>> = {
  "json-file": new Set(["max-file", "max-size", "compress", ...describing]),
  local: new Set(["max-file", "max-size", "compress"]),
  journald: new Set(describing),
  syslog: new Set([
    ...["address", "facility", "format", "tls-ca-cert", "tls-cert", "tls-key", "tls-skip-verify"].map(
      (name) => `syslog-${name}`,
    ),
    ...describing,
  ]),
  gelf: new Set([
    ...["address", "compression-level", "compression-type", "tcp-max-reconnect", "tcp-reconnect-delay"].map(
      (name) => `gelf-${name}`,
    ),
    ...describing,
  ]),
  fluentd: new Set([
    ...[
      "address",
      "async",
      "async-reconnect-interval",
      "buffer-limit",
      "max-retries",
      "request-ack",
      "retry-wait",
      "sub-second-precision",
      "write-timeout",
    ].map((name) => `fluentd-${name}`),
    ...describing,
  ]),
};

/** The engine's own driver and its options where the request leaves them open, as dockerd merges them. */
export function withDefaults(given: LogConfig | undefined, defaults: LogConfig): LogConfig {
  const Type = given?.Type || defaults.Type;
  if (Type !== defaults.Type) return { Type, Config: given?.Config ?? {} };
  return { Type, Config: { ...defaults.Config, ...given?.Config } };
}

/**
 * What dockerd checks when a container is created. Local paths are looked at.
 *
 * @throws {Fault} `invalid` with dockerd's texts
 */
export function validateLogConfig({ Type: type, Config: options }: LogConfig): void {
  if (type === "none") return;
  const known = Object.hasOwn(optionsOf, type) ? optionsOf[type] : undefined;
  if (known === undefined)
    throw new Fault(
      "invalid",
      `error looking up logging plugin ${type}: plugin ${JSON.stringify(type)} not found`,
    );
  validateGeneral(options);
  if (type === "gelf") validateGelf(options); // dockerd looks for the address before anything else
  for (const option of Object.keys(options))
    if (!known.has(option) && !general.has(option)) throw unknownOption(option, type);
  if (type === "syslog") validateSyslog(options);
  if (type === "fluentd") validateFluentd(options);
}

function unknownOption(option: string, type: string): Fault {
  const driver = type === "local" ? "log driver local" : `${type} log driver`;
  return new Fault("invalid", `unknown log opt '${option}' for ${driver}`);
}

function validateGeneral(options: Options): void {
  const { mode, "max-buffer-size": size, "cache-disabled": isOff } = options;
  if (mode !== undefined && !["", "blocking", "non-blocking"].includes(mode))
    throw new Fault("invalid", `logger: logging mode not supported: ${mode}`);
  if (size !== undefined) {
    if (mode !== "non-blocking")
      throw new Fault("invalid", "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    prefixed("error parsing option max-buffer-size: ", () => parseSize(size, 1024));
  }
  if (isOff !== undefined)
    try {
      parseBool(isOff);
    } catch {
      throw new Fault("invalid", `invalid value for option cache-disabled: ${isOff}`);
    }
}

function validateSyslog(options: Options): void {
  const address = parseSyslog(options["syslog-address"] ?? "");
  if (address.kind === "path")
    try {
      statSync(address.path);
    } catch {
      throw new Fault("invalid", `stat ${address.path}: no such file or directory`);
    }
  facilityOf(options["syslog-facility"] ?? "");
  formatOf(options["syslog-format"] ?? "");
}

/**
 * What dockerd finds wrong only when a container starts, and again when its log is asked for.
 *
 * @throws {Fault} `internal` with dockerd's texts
 */
export function checkLogStart({ Type: type, Config: options }: LogConfig, info: LogInfo): void {
  try {
    if (type === "json-file" || type === "local") rotationOf({ Type: type, Config: options });
    if (type === "none" || type === "local") return;
    if (type === "fluentd") parseFluentd(options["fluentd-address"] ?? "");
    renderTag(info);
    extraAttributes(info);
  } catch (error) {
    throw new Fault("internal", messageOf(error));
  }
}

/** How the files of a log are kept: bytes of one (0: no end), how many, and whether old ones are compressed. */
export interface Rotation {
  readonly maxBytes: number;
  readonly maxFiles: number;
  readonly isCompressed: boolean;
}

/** As Docker's `local` driver has it; also for the copy that is kept beside a remote driver. */
const localRotation: Rotation = { maxBytes: 20 * 1024 * 1024, maxFiles: 5, isCompressed: true };

/**
 * How the engine keeps the files of a container with this configuration. Those of a remote driver are at least two, so that one
 * can be read while the next is written.
 *
 * @throws {Fault} `invalid` with dockerd's texts
 */
export function rotationOf({ Type: type, Config: options }: LogConfig): Rotation {
  if (type === "json-file") return jsonFileRotation(options);
  if (type === "local") return localRotationOf(options);
  const [size, files, compress] = [
    options["cache-max-size"],
    options["cache-max-file"],
    options["cache-compress"],
  ];
  const kept = { ...localRotation };
  return {
    maxBytes: orElse(kept.maxBytes, () => (size === undefined ? kept.maxBytes : parseSize(size, 1000))),
    maxFiles: Math.max(
      2,
      orElse(kept.maxFiles, () => (files === undefined ? kept.maxFiles : parseInteger(files))),
    ),
    isCompressed: orElse(kept.isCompressed, () =>
      compress === undefined ? kept.isCompressed : parseBool(compress),
    ),
  };
}

function jsonFileRotation(options: Options): Rotation {
  const { "max-size": size, "max-file": files, compress } = options;
  const maxBytes = size === undefined ? 0 : parseSize(size, 1000);
  if (size !== undefined && maxBytes <= 0) throw new Fault("invalid", "max-size must be a positive number");
  const maxFiles = files === undefined ? 1 : parseInteger(files);
  if (maxFiles < 1) throw new Fault("invalid", "max-file cannot be less than 1");
  const isCompressed = compress !== undefined && parseBool(compress);
  if (isCompressed && (maxFiles < 2 || maxBytes === 0))
    throw new Fault("invalid", "compress cannot be true when max-file is less than 2 or max-size is not set");
  return { maxBytes, maxFiles, isCompressed };
}

function localRotationOf(options: Options): Rotation {
  const { "max-size": size, "max-file": files, compress } = options;
  const maxBytes =
    size === undefined
      ? localRotation.maxBytes
      : prefixed(`invalid value for max-size: ${size}: `, () => parseSize(size, 1000));
  const maxFiles =
    files === undefined
      ? localRotation.maxFiles
      : prefixed(`invalid value for max-file: ${files}: `, () => parseInteger(files));
  const isCompressed =
    compress === undefined || prefixed("error reading compress log option: ", () => parseBool(compress));
  if (isCompressed && maxFiles <= 1)
    throw new Fault("invalid", "compression cannot be enabled when max file count is 1");
  return { maxBytes, maxFiles: Math.max(1, maxFiles), isCompressed };
}

/** Whether `docker logs` may be answered. */
export function canReadBack({ Type: type, Config: options }: LogConfig): boolean {
  if (type === "none") return false;
  const { "cache-disabled": isOff } = options;
  return !(isRemote(type) && type !== "journald" && isOff !== undefined && parseBool(isOff));
}

function prefixed<T>(prefix: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Fault("invalid", `${prefix}${messageOf(error)}`);
  }
}

/** dockerd does not look at these before it uses them, and goes on without. */
function orElse<T>(otherwise: T, parse: () => T): T {
  try {
    return parse();
  } catch {
    return otherwise;
  }
}
