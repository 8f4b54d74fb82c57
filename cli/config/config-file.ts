import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import type { GlobalValues } from "../global-flags.ts";

interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  readonly ftpProxy?: string;
  readonly allProxy?: string;
}

interface StoredAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress?: string;
}

/** `config.json` of Docker's tools: what is used of it, and the whole to write back. */
export interface ConfigFile {
  readonly folder: string;
  /** Absent when there is no file. */
  readonly content: ConfigContent;
  readonly httpHeaders: Readonly<Record<string, string>>;
}

export interface ConfigContent {
  readonly auths?: Readonly<Record<string, StoredAuth>>;
  readonly HttpHeaders?: Readonly<Record<string, string>>;
  readonly psFormat?: string;
  readonly imagesFormat?: string;
  readonly networksFormat?: string;
  readonly volumesFormat?: string;
  readonly statsFormat?: string;
  readonly pluginsFormat?: string;
  readonly detachKeys?: string;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly currentContext?: string;
  readonly pruneFilters?: readonly string[];
  readonly proxies?: Readonly<Record<string, ProxySettings>>;
}

type Env = Readonly<Record<string, string | undefined>>;

export function configFolder(globals: GlobalValues, env: Env): string {
  return globals.config ?? (env["DOCKER_CONFIG"] || join(env["HOME"] || homedir(), ".docker"));
}

/** @throws {Fault} `invalid` when the file is not JSON */
export function readConfigFile(globals: GlobalValues, env: Env): ConfigFile {
  const folder = configFolder(globals, env);
  const content = readContent(join(folder, "config.json"));
  return { folder, content, httpHeaders: content.HttpHeaders ?? {} };
}

function readContent(path: string): ConfigContent {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return {};
  }
  try {
    return JSON.parse(text) as ConfigContent;
  } catch (error) {
    throw new Fault("invalid", `Error loading config file: ${path}: ${messageOf(error)}`);
  }
}

/** Writes the file whole or not at all, readable by its owner only. */
export function writeConfigFile({ folder }: ConfigFile, content: ConfigContent): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "config.json");
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(content, undefined, "\t"), { mode: 0o600 });
  renameSync(temporary, path);
}
