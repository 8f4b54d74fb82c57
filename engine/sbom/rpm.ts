import { Fault } from "#base/fault.ts";
import { parseLicences } from "./licence.ts";
import type { Package } from "./package.ts";
import { SqliteFile } from "./sqlite-file.ts";

export type RpmPackage = Omit<Package, "path" | "layer"> & { readonly kind: "rpm" };

const MAX_TAGS = 10_000;
/** @see rpm, rpmtag.h */
const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  licence: 1014,
  arch: 1022,
  source: 1044,
};
const types = { int32: 4, string: 6, i18n: 9 };

/**
 * Packages of RPM's SQLite database: each row of its table `Packages` is a header.
 *
 * @throws {Fault} `invalid` for what is no such database
 * @see RPM 4.16 reference manual, "Package format", section "Header format"
 */
export function* parseRpmDatabase(bytes: Uint8Array): Generator<RpmPackage> {
  for (const row of new SqliteFile(bytes).rows("Packages")) {
    const [, blob] = row;
    const found = blob instanceof Uint8Array ? parseHeader(blob) : undefined;
    if (found !== undefined) yield found;
  }
}

/** Undefined for the keys that RPM keeps as if they were packages. */
function parseHeader(blob: Uint8Array): RpmPackage | undefined {
  const fields = fieldsOf(blob);
  const text = (tag: number) => {
    const value = fields.get(tag);
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [name, version, release] = [text(tags.name), text(tags.version), text(tags.release)];
  if (name === undefined || version === undefined || release === undefined || name === "gpg-pubkey")
    return undefined;
  const epoch = fields.get(tags.epoch);
  const [architecture, publisher, source] = [text(tags.arch), text(tags.vendor), text(tags.source)];
  const [, sourceName, sourceVersion] = /^(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm$/.exec(source ?? "") ?? [];
  return {
    kind: "rpm",
    name,
    version: `${typeof epoch === "number" ? `${epoch}:` : ""}${version}-${release}`,
    licences: parseLicences([text(tags.licence) ?? ""]),
    ...(architecture !== undefined && { architecture }),
    ...(publisher !== undefined && { publisher }),
    ...(sourceName !== undefined &&
      sourceVersion !== undefined &&
      sourceName !== name && { source: { name: sourceName, version: sourceVersion } }),
  };
}

/** The first value of every tag that is a text or a number. */
function fieldsOf(blob: Uint8Array): ReadonlyMap<number, string | number> {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  if (blob.length < 8) throw new Fault("invalid", "malformed RPM header");
  const [count, dataBytes] = [view.getUint32(0), view.getUint32(4)];
  const data = 8 + 16 * count;
  if (count > MAX_TAGS || data + dataBytes > blob.length) throw new Fault("invalid", "malformed RPM header");
  const fields = new Map<number, string | number>();
  for (let index = 0; index < count; index++) {
    const at = 8 + 16 * index;
    const [tag, type, offset] = [view.getUint32(at), view.getUint32(at + 4), view.getUint32(at + 8)];
    const start = data + offset;
    if (offset >= dataBytes) continue;
    if (type === types.int32 && offset + 4 <= dataBytes) fields.set(tag, view.getUint32(start));
    if (type !== types.string && type !== types.i18n) continue;
    const end = blob.indexOf(0, start);
    if (end >= 0 && end - start <= 4096) fields.set(tag, new TextDecoder().decode(blob.subarray(start, end)));
  }
  return fields;
}
