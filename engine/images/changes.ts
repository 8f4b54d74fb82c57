import { posix } from "node:path";
import { Fault } from "#base/fault.ts";
import { checkTrigger } from "#oci/dockerfile/parse-instruction.ts";
import { stringList } from "#oci/dockerfile/words.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import { parseExposed, parseHealthcheck, parsePairs, parseWords } from "./change-arguments.ts";

type Change = (config: ImageRuntimeConfig, rest: string) => ImageRuntimeConfig;

const SHELL = ["/bin/sh", "-c"];

const changes: Readonly<Record<string, Change>> = {
  CMD: (config, rest) => ({ ...config, Cmd: commandOf(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: commandOf(rest) }),
  ENV: (config, rest) => ({ ...config, Env: mergeEnv(config.Env ?? [], parsePairs("ENV", rest)) }),
  EXPOSE: (config, rest) => ({ ...config, ExposedPorts: { ...config.ExposedPorts, ...parseExposed(rest) } }),
  HEALTHCHECK: (config, rest) => ({ ...config, Healthcheck: parseHealthcheck(rest) }),
  LABEL: (config, rest) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(parsePairs("LABEL", rest)) },
  }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), checkTrigger(rest)] }),
  STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: rest }),
  USER: (config, rest) => ({ ...config, User: rest }),
  VOLUME: (config, rest) => ({ ...config, Volumes: { ...config.Volumes, ...volumesOf(rest) } }),
  WORKDIR: (config, rest) => ({
    ...config,
    WorkingDir: posix.resolve("/", config.WorkingDir ?? "/", parseWords(rest).join(" ")),
  }),
};

/**
 * Applies what `docker import --change` and `docker commit --change` take: Dockerfile instructions about the config, one each.
 *
 * @throws {Fault} `invalid` with Docker's texts
 * @see Dockerfile reference
 */
export function applyChanges(config: ImageRuntimeConfig, lines: readonly string[]): ImageRuntimeConfig {
  return lines.flatMap((text) => text.split("\n")).reduce(applyChange, config);
}

function applyChange(config: ImageRuntimeConfig, line: string): ImageRuntimeConfig {
  const [, word = "", rest = ""] = /^\s*(\S*)\s*([^]*?)\s*$/.exec(line) ?? [];
  if (word === "") return config;
  const name = word.toUpperCase();
  const change = Object.hasOwn(changes, name) ? changes[name] : undefined;
  if (change === undefined) throw new Fault("invalid", `${word.slice(0, 50)} is not a valid change command`);
  if (rest === "" && name !== "CMD" && name !== "ENTRYPOINT")
    throw new Fault("invalid", `${name} requires at least one argument`);
  return change(config, rest);
}

/** A JSON list is taken as it is, anything else goes to a shell. */
function commandOf(rest: string): readonly string[] {
  return stringList(rest) ?? (rest === "" ? [] : [...SHELL, rest]);
}

function volumesOf(rest: string): Readonly<Record<string, object>> {
  const volumes = (stringList(rest) ?? parseWords(rest)).map((volume) => volume.trim());
  if (volumes.includes("")) throw new Fault("invalid", "VOLUME specified can not be an empty string");
  return Object.fromEntries(volumes.map((volume) => [volume, {}]));
}

function mergeEnv(env: readonly string[], pairs: readonly (readonly [string, string])[]): readonly string[] {
  const merged = new Map(env.map((entry) => [entry.split("=", 1)[0] ?? "", entry]));
  for (const [name, value] of pairs) merged.set(name, `${name}=${value}`);
  return Array.from(merged.values());
}
