import { isAbsolute, join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { LogLevel } from "#base/log.ts";
import type { DockerClient } from "#client/docker-client.ts";
import { type ConfigFile, readConfigFile } from "./config/config-file.ts";
import type { Context, EngineOptions, Services } from "./context.ts";
import { Exit } from "./failure.ts";
import type { FlagTable, FlagValues } from "./flags.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { Signals } from "./main.ts";
import type { Terminal } from "./output/terminal.ts";

export interface ContextParts {
  readonly path: readonly string[];
  readonly globals: GlobalValues;
  readonly groupValues: FlagValues<FlagTable>;
  readonly services: Services;
  readonly streams: { readonly out: Terminal; readonly err: Terminal };
  readonly signals: Signals;
  /** Makes the client of the engine that a command asks. */
  readonly openClient: (context: Context) => DockerClient;
}

/** What a command gets of the world. Files are read and connections made when they are asked for. */
export function openContext({
  path,
  globals,
  groupValues,
  services,
  streams,
  signals,
  openClient,
}: ContextParts): Context {
  const instance = instanceOf(globals);
  let engine: DockerClient | undefined;
  let config: ConfigFile | undefined;
  const context: Context = {
    ...streams,
    path,
    instance,
    globals,
    groupValues,
    services,
    env: process.env,
    signal: signals.signal,
    now: () => new Date(),
    config: () => (config ??= readConfigFile(globals, process.env)),
    engine: () => (engine ??= openClient(context)),
    takeSignals: () => signals.release(),
  };
  return context;
}

function instanceOf({
  root,
  run,
  "bridge-cidr": bridgeCidr,
  "userns-remap": usernsRemap,
}: GlobalValues): EngineOptions {
  return {
    root: absolute(root ?? process.env["GANTRY_ROOT"] ?? "/var/lib/gantry"),
    run: absolute(run ?? process.env["GANTRY_RUN"] ?? "/run/gantry"),
    ...(bridgeCidr === undefined ? {} : { bridgeCidr }),
    ...(usernsRemap === undefined ? {} : { usernsRemap }),
    logLevel: parseLogLevel(process.env["GANTRY_LOG"] ?? "info"),
  };
}

function absolute(path: string): string {
  return isAbsolute(path) ? path : join(process.cwd(), path);
}

function parseLogLevel(text: string): LogLevel {
  if (text === "debug" || text === "info" || text === "warn" || text === "error") return text;
  throw new Exit(
    125,
    new Fault("invalid", `GANTRY_LOG is '${text}': it must be debug, info, warn or error`).message,
  );
}
