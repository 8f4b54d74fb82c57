import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "./digest.ts";
import type { Platform } from "./platform.ts";
import { asObject, asString, isAbsent, optionalObject, optionalString, optionalStringMap } from "./shape.ts";

/** @see OCI image-spec v1.1.1, descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

const fields: readonly string[] = ["mediaType", "digest", "size", "platform", "annotations", "urls", "data"];

/**
 * Reads a descriptor from parsed JSON; embedded `data` and foreign `urls` are left alone on purpose.
 *
 * @throws {Fault} `invalid`, also for a digest other than sha256
 */
export function parseDescriptor(value: unknown, what: string): Descriptor {
  const object = asObject(value, what);
  rejectLookalikes(object, fields, what);
  const mediaType = asString(object["mediaType"] ?? "", `${what}.mediaType`);
  const digest = parseDigest(asString(object["digest"], `${what}.digest`));
  const platform = parsePlatformObject(object["platform"], `${what}.platform`);
  const annotations = optionalStringMap(object["annotations"], `${what}.annotations`);
  return {
    mediaType,
    digest,
    size: parseSize(object["size"], what),
    ...(platform === undefined ? {} : { platform }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

/** Go matches field names without regard to case: a document with `Layers` beside `layers` would mean two things. */
export function rejectLookalikes(object: object, known: readonly string[], what: string): void {
  const lower = new Map(known.map((name) => [name.toLowerCase(), name]));
  for (const key of Object.keys(object)) {
    const meant = lower.get(key.toLowerCase());
    if (meant !== undefined && meant !== key)
      throw new Fault("invalid", `${what} has "${key}" where "${meant}" is meant`);
  }
}

function parseSize(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw new Fault("invalid", `${what}.size is not a size`);
  return value;
}

function parsePlatformObject(value: unknown, what: string): Platform | undefined {
  const object = optionalObject(value, what);
  if (object === undefined || isAbsent(object["os"]) || isAbsent(object["architecture"])) return undefined;
  const variant = optionalString(object["variant"], what);
  const version = optionalString(object["os.version"], what);
  return {
    os: asString(object["os"], what),
    architecture: asString(object["architecture"], what),
    ...(variant === undefined || variant === "" ? {} : { variant }),
    ...(version === undefined || version === "" ? {} : { "os.version": version }),
  };
}
