import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { readText } from "#client/streams.ts";
import { parseYaml } from "#orchestrator/machinery/yaml-body.ts";
import { messageOf } from "#base/fault.ts";
import { KubeFailure } from "./failure.ts";

/** An object as a file has it. */
export interface Manifest {
  readonly object: KubeFields;
  /** The file, or STDIN. */
  readonly source: string;
}

/** An object of whatever kind, as JSON has it. */
export interface KubeFields {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly generateName?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [other: string]: unknown;
  };
  readonly [other: string]: unknown;
}

const extensions = new Set([".json", ".yaml", ".yml"]);

/**
 * The objects of files, of all files in folders, of `-` for standard input, and of addresses; lists taken apart.
 *
 * @param onProblem told of a document that is no object, which is left out
 * @throws {KubeFailure} for what cannot be read at all
 */
export async function readManifests(
  paths: readonly string[],
  isRecursive: boolean,
  onProblem: (problem: KubeFailure) => void,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const found: Manifest[] = [];
  for (const path of paths.flatMap((one) => one.split(",")))
    for (const { source, text } of await readSources(path, isRecursive, signal))
      found.push(...objectsOf(text, source, onProblem));
  return found;
}

interface Source {
  readonly source: string;
  readonly text: string;
}

async function readSources(
  path: string,
  isRecursive: boolean,
  signal: AbortSignal,
): Promise<readonly Source[]> {
  if (path === "-") {
    const { stdin } = await import("node:process");
    return [{ source: "STDIN", text: await readText(stdin as AsyncIterable<Uint8Array>) }];
  }
  if (/^https?:\/\//.test(path)) return [{ source: path, text: await fetchText(path, signal) }];
  const files = filesBelow(path, isRecursive);
  return files.map((source) => ({ source, text: readFileSync(source, "utf8") }));
}

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(url, { signal });
  if (!answer.ok)
    throw new KubeFailure(
      `error: unable to read URL ${JSON.stringify(url)}, server reported ${answer.status} ${answer.statusText}, status code=${answer.status}`,
    );
  return await answer.text();
}

function filesBelow(path: string, isRecursive: boolean): readonly string[] {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (facts === undefined) throw new KubeFailure(`error: the path ${JSON.stringify(path)} does not exist`);
  if (!facts.isDirectory()) return [path];
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.flatMap((entry) => {
    const below = join(path, entry.name);
    if (entry.isDirectory()) return isRecursive ? filesBelow(below, true) : [];
    return extensions.has(extname(entry.name)) ? [below] : [];
  });
  if (files.length === 0 && !isRecursive)
    throw new KubeFailure(
      `error: error reading [${path}]: recognized file extensions are [.json .yaml .yml]`,
    );
  return files;
}

function objectsOf(
  text: string,
  source: string,
  onProblem: (problem: KubeFailure) => void,
): readonly Manifest[] {
  const attempt = <T>(work: () => readonly T[]): readonly T[] => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof KubeFailure)) throw error;
      onProblem(error);
      return [];
    }
  };
  return documentsOf(text)
    .flatMap((document) => attempt(() => [parse(document, source)]))
    .filter((value) => value !== null && value !== undefined)
    .flatMap((value) =>
      attempt<unknown>(() => {
        const object = checked(value, source);
        return itemsOf(object) ?? [object];
      }),
    )
    .flatMap((value) => attempt(() => [{ object: checked(value, source), source }]));
}

/** Undefined for what is no list. */
export function itemsOf({ kind, items }: KubeFields): readonly KubeFields[] | undefined {
  return kind?.endsWith("List") === true && Array.isArray(items) ? (items as KubeFields[]) : undefined;
}

/** Those that hold more than comments. */
function documentsOf(text: string): readonly string[] {
  return text
    .split(/^---(?:[ \t].*)?$/m)
    .filter((document) => document.replace(/^\s*#.*$/gm, "").trim() !== "");
}

function parse(document: string, source: string): unknown {
  try {
    return document.trimStart().startsWith("{") ? JSON.parse(document) : parseYaml(document).value;
  } catch (error) {
    const message = messageOf(error).replace(/^error converting YAML to JSON: /, "");
    throw new KubeFailure(`error: error parsing ${source}: error converting YAML to JSON: ${message}`);
  }
}

function checked(value: unknown, source: string): KubeFields {
  const object = value as KubeFields;
  const json = () => JSON.stringify(value);
  if (typeof value !== "object" || Array.isArray(value) || (object.kind ?? "") === "")
    throw new KubeFailure(
      `error: unable to decode ${JSON.stringify(source)}: Object 'Kind' is missing in '${json()}'`,
    );
  if ((object.apiVersion ?? "") === "")
    throw new KubeFailure(
      `error: unable to decode ${JSON.stringify(source)}: Object 'apiVersion' is missing in '${json()}'`,
    );
  checkMetadata(object.metadata, source);
  return object;
}

/** Metadata is the same of every kind: what has another type than it must is refused before anybody is asked. */
function checkMetadata(metadata: unknown, source: string): void {
  if (typeof metadata !== "object" || metadata === null) return;
  for (const [name, value] of Object.entries(metadata)) {
    const texts = mapFields.has(name) && typeof value === "object" ? Object.values(value ?? {}) : undefined;
    const isText = textFields.has(name);
    const odd = (texts ?? (isText ? [value] : [])).find((one) => typeof one !== "string" && one !== null);
    if (odd !== undefined)
      throw new KubeFailure(
        `error: unable to decode ${JSON.stringify(source)}: json: cannot unmarshal ${goKind(odd)} into Go struct field ObjectMeta.metadata.${name} of type string`,
      );
  }
}

const mapFields = new Set(["labels", "annotations"]);
const textFields = new Set(["name", "namespace", "generateName", "uid", "resourceVersion"]);

function goKind(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "array" : typeof value;
}
