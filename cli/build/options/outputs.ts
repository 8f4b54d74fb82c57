import { lstatSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Fault, messageOf } from "#base/fault.ts";
import { badOption } from "./bad-option.ts";
import type { Destination, Received } from "../session/file-receive.ts";
import { csvFields, csvPairs } from "./csv-fields.ts";

/** Where a result goes: an exporter of the engine, with its attributes, and a place here for those that send. */
export interface Output {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly destination?: string;
}

/** @throws {Fault} `invalid` with buildx's texts */
export function parseOutput(spec: string): Output {
  const fields = csvFields(spec);
  if (fields.length === 1 && fields[0] === spec && !spec.startsWith("type="))
    return { type: spec === "-" ? "tar" : "local", attrs: {}, destination: spec };
  const pairs = csvPairs(spec, (field) => badOption(`invalid value ${field}`));
  const { type = "", dest, ...attrs } = Object.fromEntries(pairs) as Record<string, string>;
  if (type === "") throw badOption("type is required for output");
  const known = type === "registry" ? { type: "image", attrs: { push: "true", ...attrs } } : { type, attrs };
  return { ...known, ...(dest !== undefined && { destination: dest }) };
}

/**
 * Where an exporter's result goes here; undefined for one that stays with the engine.
 *
 * @throws {Fault} `invalid` with buildx's texts
 */
export function destinationOf(output: Output, isTerminal: boolean): Destination | undefined {
  const { type, attrs, destination: place = "" } = output;
  if (type === "local") return folderOf(type, place);
  if ((type === "oci" || type === "docker") && isFalse(attrs["tar"]))
    return { kind: "layout", path: folderOf(type, place).path };
  if (type === "tar" || type === "oci" || (type === "docker" && place !== ""))
    return fileOf(type, place, isTerminal);
  return undefined;
}

function isFalse(text: string | undefined): boolean {
  return text !== undefined && /^(0|f|false)$/i.test(text);
}

function folderOf(type: string, place: string): Extract<Received, { kind: "folder" }> {
  if (place === "") throw new Fault("invalid", `dest is required for ${type} exporter`);
  if (place === "-") throw new Fault("invalid", `dest cannot be stdout for ${type} exporter`);
  if (kindAt(place, "directory") === "file")
    throw new Fault("invalid", `destination directory ${place} is a file`);
  return { kind: "folder", path: resolve(place) };
}

function fileOf(type: string, place: string, isTerminal: boolean): Destination {
  if (place === "" || place === "-") {
    if (isTerminal)
      throw new Fault("invalid", `dest file is required for ${type} exporter. refusing to write to console`);
    return { kind: "stdout" };
  }
  if (kindAt(place, "file") === "folder")
    throw new Fault("invalid", `destination file ${place} is a directory`);
  return { kind: "file", path: resolve(place) };
}

function kindAt(place: string, wanted: string): "file" | "folder" | undefined {
  if (lstatSync(place, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    return statSync(place).isDirectory() ? "folder" : "file";
  } catch (error) {
    throw new Fault("invalid", `invalid destination ${wanted}: ${place}: ${messageOf(error)}`);
  }
}
