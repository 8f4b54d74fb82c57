import { Fault, messageOf } from "#base/fault.ts";
import { parseBool, parseDurationMs, parseSize } from "../go-values.ts";

export type FluentdAddress =
  | { readonly type: "tcp" | "tls"; readonly host: string; readonly port: number }
  | { readonly type: "unix"; readonly path: string };

type Options = Readonly<Record<string, string>>;

const standardPort = 24224;
const longestReconnectMs = 10_000;
const shortestReconnectMs = 100;

/** The option `fluentd-address`; empty means 127.0.0.1:24224. @throws {Fault} `invalid` with dockerd's texts */
export function parseAddress(text: string): FluentdAddress {
  if (text === "") return { type: "tcp", host: "127.0.0.1", port: standardPort };
  const full = text.includes("://") ? text : `tcp://${text}`;
  const [, scheme = "", rest = ""] = /^([^:]*):\/\/(.*)$/.exec(full) ?? [];
  const refuse = (why: string) => new Fault("invalid", `invalid fluentd-address (${text}): ${why}`);
  if (scheme === "unix") {
    if (rest === "" || rest === "/") throw refuse("path is empty");
    return { type: "unix", path: rest };
  }
  if (scheme !== "tcp" && scheme !== "tls") throw refuse(`unsupported scheme: '${scheme}'`);
  const [, host = "", port = "", path = ""] = /^(\[[^\]]*\]|[^:/]*)(?::([^/]*))?(.*)$/.exec(rest) ?? [];
  if (!/^\d*$/.test(port)) throw refuse(`parse ${JSON.stringify(full)}: invalid port ":${port}" after host`);
  if (path !== "") throw refuse("should not contain a path element");
  const name = host.replace(/^\[|\]$/g, "");
  return { type: scheme, host: name || "127.0.0.1", port: Number(port || standardPort) };
}

/** @throws {Fault} `invalid` with dockerd's texts */
export function validateFluentd(options: Options): void {
  parseAddress(options["fluentd-address"] ?? "");
  for (const name of ["async", "request-ack", "sub-second-precision"]) {
    const value = options[`fluentd-${name}`];
    if (value) parseBool(value);
  }
  const retries = options["fluentd-max-retries"];
  if (retries && !/^\d{1,10}$/.test(retries))
    throw new Fault("invalid", `strconv.ParseUint: parsing ${JSON.stringify(retries)}: invalid syntax`);
  if (options["fluentd-buffer-limit"]) parseSize(options["fluentd-buffer-limit"], 1024);
  if (options["fluentd-retry-wait"]) parseDurationMs(options["fluentd-retry-wait"]);
  validateReconnect(options["fluentd-async-reconnect-interval"] ?? "");
  if (options["fluentd-write-timeout"])
    duration("fluentd-write-timeout: value must be a duration", options["fluentd-write-timeout"]);
}

function validateReconnect(text: string): void {
  if (text === "") return;
  const interval = duration("fluentd-async-reconnect-interval", text);
  if (interval !== 0 && (interval < shortestReconnectMs || interval > longestReconnectMs))
    throw new Fault(
      "invalid",
      `invalid value for fluentd-async-reconnect-interval: value (${JSON.stringify(text)}) must be between 100ms and 10s`,
    );
}

function duration(what: string, text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    throw new Fault("invalid", `invalid value for ${what}: ${messageOf(error)}`);
  }
}
