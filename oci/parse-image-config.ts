import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "./digest.ts";
import type { HealthConfig } from "./docker-extensions.ts";
import type { ImageConfig, ImageHistory, ImageRuntimeConfig } from "./image-config.ts";
import {
  asArray,
  asObject,
  asString,
  isAbsent,
  type JsonObject,
  optionalObject,
  optionalSet,
  optionalString,
  optionalStringMap,
  optionalStrings,
  withoutAbsent,
} from "./shape.ts";
import { parseStrictJson } from "./strict-json.ts";

const MAX_LAYERS = 1000;
const MAX_ENTRIES = 10_000;

/**
 * Parses an image config from an untrusted source. Null counts as absent everywhere; fields that Gantry does not know are left
 * out; a field of the wrong type is an error, never a surprise later on.
 *
 * @throws {Fault} `invalid`
 * @see OCI image-spec v1.1.1, config.md
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const json = asObject(parseStrictJson(bytes, "image config"), "image config");
  const architecture = optionalString(json["architecture"], "architecture") ?? "";
  const os = optionalString(json["os"], "os") ?? "";
  return withoutAbsent({
    created: timeOf(json["created"], "created"),
    author: optionalString(json["author"], "author"),
    architecture,
    os: os === "" ? "linux" : os,
    "os.version": optionalString(json["os.version"], "os.version"),
    variant: optionalString(json["variant"], "variant"),
    docker_version: optionalString(json["docker_version"], "docker_version"),
    config: parseRuntimeConfig(json["config"]),
    rootfs: { type: "layers" as const, diff_ids: parseDiffIds(json) },
    history: parseHistory(json["history"]),
  });
}

function parseDiffIds(json: JsonObject): readonly Digest[] {
  const rootfs = optionalObject(json["rootfs"], "rootfs");
  if (rootfs === undefined) throw new Fault("invalid", "invalid image JSON, no RootFS key");
  if (rootfs["type"] !== "layers") throw new Fault("invalid", "rootfs.type is not layers");
  const diffIds = isAbsent(rootfs["diff_ids"]) ? [] : rootfs["diff_ids"];
  return asArray(diffIds, "rootfs.diff_ids", MAX_LAYERS).map((id) => parseDigest(asString(id, "diff ID")));
}

function parseRuntimeConfig(value: unknown): ImageRuntimeConfig | undefined {
  const json = optionalObject(value, "config");
  if (json === undefined) return undefined;
  const strings = (key: string) => optionalStrings(json[key], `config.${key}`, MAX_ENTRIES);
  const text = (key: string) => optionalString(json[key], `config.${key}`);
  return withoutAbsent({
    User: text("User"),
    ExposedPorts: optionalSet(json["ExposedPorts"], "config.ExposedPorts"),
    Env: strings("Env"),
    Entrypoint: strings("Entrypoint"),
    Cmd: strings("Cmd"),
    Volumes: optionalSet(json["Volumes"], "config.Volumes"),
    WorkingDir: text("WorkingDir"),
    Labels: optionalStringMap(json["Labels"], "config.Labels"),
    StopSignal: text("StopSignal"),
    ArgsEscaped: json["ArgsEscaped"] === true ? true : undefined,
    Healthcheck: parseHealth(json["Healthcheck"]),
    OnBuild: strings("OnBuild"),
    Shell: strings("Shell"),
  });
}

function parseHealth(value: unknown): HealthConfig | undefined {
  const json = optionalObject(value, "config.Healthcheck");
  if (json === undefined) return undefined;
  const number = (key: string) => countOf(json[key], `config.Healthcheck.${key}`);
  return withoutAbsent({
    Test: optionalStrings(json["Test"], "config.Healthcheck.Test", MAX_ENTRIES),
    Interval: number("Interval"),
    Timeout: number("Timeout"),
    Retries: number("Retries"),
    StartPeriod: number("StartPeriod"),
    StartInterval: number("StartInterval"),
  });
}

function parseHistory(value: unknown): readonly ImageHistory[] | undefined {
  if (isAbsent(value)) return undefined;
  return asArray(value, "history", MAX_ENTRIES).map((item) => {
    const json = asObject(item, "history entry");
    return withoutAbsent({
      created: timeOf(json["created"], "history.created"),
      created_by: optionalString(json["created_by"], "history.created_by"),
      author: optionalString(json["author"], "history.author"),
      comment: optionalString(json["comment"], "history.comment"),
      empty_layer: json["empty_layer"] === true ? true : undefined,
    });
  });
}

function countOf(value: unknown, what: string): number | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
    throw new Fault("invalid", `${what} is not a whole number`);
  return value;
}

/** RFC 3339; kept as text because of its nanoseconds. */
function timeOf(value: unknown, what: string): string | undefined {
  const text = optionalString(value, what);
  if (text === undefined || text === "") return undefined;
  const isSound =
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/i.test(text) &&
    !Number.isNaN(Date.parse(text));
  if (!isSound) throw new Fault("invalid", `${what} is not a time: ${text.slice(0, 50)}`);
  return text;
}
