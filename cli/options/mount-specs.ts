import { isAbsolute, resolve } from "node:path";
import type { MountRequest } from "#api/docker/container.ts";
import { Fault } from "#base/fault.ts";
import { keyValues } from "./environment.ts";
import { parseBytes } from "./quantities.ts";

type Draft = { -readonly [K in keyof MountRequest]: MountRequest[K] } & Record<string, unknown>;

/** `--mount` as the API takes it. @throws {Fault} `invalid` with Docker's texts */
export function parseMount(spec: string): MountRequest {
  const mount: Draft = { Type: "volume", Source: "", Target: "" } as unknown as Draft;
  const sub = (name: string): Record<string, unknown> => (mount[name] ??= {}) as Record<string, unknown>;
  for (const field of splitFields(spec)) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    if (
      value === undefined &&
      !["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"].includes(key)
    )
      throw new Fault("invalid", `invalid field '${field}' must be a key=value pair`);
    setField(mount, sub, key, value ?? "true", field);
  }
  checkMount(mount);
  return mount as unknown as MountRequest;
}

function setField(
  mount: Draft,
  sub: (name: string) => Record<string, unknown>,
  key: string,
  value: string,
  field: string,
): void {
  const draft = mount as Record<string, unknown>;
  switch (key) {
    case "type":
      draft["Type"] = value.toLowerCase();
      return;
    case "source":
    case "src":
      draft["Source"] = /^\.{1,2}(\/|$)/.test(value) ? resolve(value) : value;
      return;
    case "target":
    case "dst":
    case "destination":
      draft["Target"] = value;
      return;
    case "readonly":
    case "ro":
      draft["ReadOnly"] = parseBool(key, value);
      return;
    case "consistency":
      draft["Consistency"] = value.toLowerCase();
      return;
    case "bind-propagation":
      sub("BindOptions")["Propagation"] = value.toLowerCase();
      return;
    case "bind-nonrecursive":
      sub("BindOptions")["NonRecursive"] = parseBool(key, value);
      return;
    case "bind-create-src":
      sub("BindOptions")["CreateMountpoint"] = parseBool(key, value);
      return;
    case "bind-recursive":
      setRecursive(sub("BindOptions"), value);
      return;
    case "volume-subpath":
      sub("VolumeOptions")["Subpath"] = value;
      return;
    case "volume-nocopy":
      sub("VolumeOptions")["NoCopy"] = parseBool(key, value);
      return;
    case "volume-label":
      sub("VolumeOptions")["Labels"] = {
        ...(sub("VolumeOptions")["Labels"] as object),
        ...keyValues([value]),
      };
      return;
    case "volume-driver":
      sub("VolumeOptions")["DriverConfig"] = {
        ...(sub("VolumeOptions")["DriverConfig"] as object),
        Name: value,
      };
      return;
    case "volume-opt": {
      const driver = (sub("VolumeOptions")["DriverConfig"] ?? {}) as { readonly Options?: object };
      sub("VolumeOptions")["DriverConfig"] = {
        ...driver,
        Options: { ...driver.Options, ...keyValues([value]) },
      };
      return;
    }
    case "image-subpath":
      sub("ImageOptions")["Subpath"] = value;
      return;
    case "tmpfs-size":
      sub("TmpfsOptions")["SizeBytes"] = sizeOf(key, value);
      return;
    case "tmpfs-mode":
      if (!/^[0-7]+$/.test(value)) throw new Fault("invalid", `invalid value for ${key}: ${value}`);
      sub("TmpfsOptions")["Mode"] = Number.parseInt(value, 8);
      return;
    default:
      throw new Fault("invalid", `unexpected key '${key}' in '${field}'`);
  }
}

function setRecursive(options: Record<string, unknown>, value: string): void {
  if (value === "enabled") return;
  if (value === "disabled") options["NonRecursive"] = true;
  else if (value === "writable") options["ReadOnlyNonRecursive"] = true;
  else if (value === "readonly") options["ReadOnlyForceRecursive"] = true;
  else
    throw new Fault(
      "invalid",
      `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
}

function checkMount(mount: Draft): void {
  const { Type, Source, Target } = mount as unknown as Readonly<Record<string, string>>;
  if (Type === "") throw new Fault("invalid", "type is required");
  if (Target === "") throw new Fault("invalid", "target is required");
  const options = ["BindOptions", "VolumeOptions", "TmpfsOptions", "ImageOptions"] as const;
  const own = {
    bind: "BindOptions",
    volume: "VolumeOptions",
    tmpfs: "TmpfsOptions",
    image: "ImageOptions",
  } as const;
  for (const name of options)
    if (mount[name] !== undefined && Type !== undefined && own[Type as keyof typeof own] !== name)
      throw new Fault(
        "invalid",
        `cannot mix '${name.replace("Options", "").toLowerCase()}-*' options with mount type '${Type}'`,
      );
  if (Type === "bind" && Source !== undefined && Source !== "" && !isAbsolute(Source))
    (mount as Record<string, unknown>)["Source"] = resolve(Source);
  if (Source === "") delete (mount as Record<string, unknown>)["Source"];
}

function parseBool(key: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw new Fault("invalid", `invalid value for ${key}: ${value}`);
}

function sizeOf(key: string, value: string): number {
  try {
    return parseBytes(value);
  } catch {
    throw new Fault("invalid", `invalid value for ${key}: ${value}`);
  }
}

/** Fields of a CSV line: quotes hold commas, two quotes are one. */
function splitFields(line: string): readonly string[] {
  const fields: string[] = [];
  let field = "";
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at);
    if (letter === '"' && isQuoted && line.charAt(at + 1) === '"') {
      field += '"';
      at++;
    } else if (letter === '"') isQuoted = !isQuoted;
    else if (letter === "," && !isQuoted) {
      fields.push(field);
      field = "";
    } else field += letter;
  }
  return [...fields, field];
}

/** `-v`: a bind as the API takes it, or an anonymous volume's path. A relative source is made absolute. */
export function parseVolume(spec: string): { readonly bind: string } | { readonly volume: string } {
  const parts = spec.split(":");
  if (parts.length === 1) return { volume: spec };
  const [source = "", ...rest] = parts;
  if (source === "") throw new Fault("invalid", `invalid volume specification: '${spec}'`);
  const isPath = /^(\.{1,2}(\/|$)|\/|~)/.test(source);
  return { bind: [isPath && !source.startsWith("~") ? resolve(source) : source, ...rest].join(":") };
}
