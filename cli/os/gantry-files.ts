import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";

/** A file of Gantry's as it is installed. */
export interface ProgramFile {
  /** Below the program's folder. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

const areas = [
  "api",
  "base",
  "bin",
  "cli",
  "client",
  "engine",
  "host",
  "hypervisor",
  "oci",
  "orchestrator",
  "rpc",
];
const testFile = /\.(test|contract|fixture)\.ts$/;
const shim = "native/build/gantry-shim";

/** The folder that Gantry is installed in. */
export const programFolder = "usr/lib/gantry";

/**
 * Gantry with what it imports, as JavaScript: a machine that has just started should not spend its first seconds on taking types
 * away. Nothing else differs from a checkout.
 *
 * @param home ends without a slash
 * @param more folders whose tests are wanted as well
 */
export function* gantryFiles(home: string, more: readonly string[] = []): Generator<ProgramFile> {
  for (const area of [...areas, ...more]) yield* sourceFiles(home, area);
  yield { path: shim, bytes: readFileSync(join(home, shim)), mode: 0o755 };
  const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Manifest;
  const { name, version, license, type, imports } = manifest;
  yield text("package.json", `${JSON.stringify({ name, version, license, type, imports }, undefined, 2)}\n`);
  for (const module of [...modulesOf(home, manifest)].sort())
    yield* plainFiles(home, `node_modules/${module}`);
  yield { path: "node_modules/.bin/node", bytes: readFileSync(process.execPath), mode: 0o755 };
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly type: string;
  readonly imports: object;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function* sourceFiles(home: string, folder: string): Generator<ProgramFile> {
  for (const path of filesBelow(home, folder)) {
    if ((areas.includes(folder) && testFile.test(path)) || path.endsWith(".S")) continue;
    const bytes = readFileSync(join(home, path));
    if (path.endsWith(".ts")) yield text(path.replace(/ts$/, "js"), toJavaScript(bytes.toString()));
    else
      yield {
        path,
        bytes: path === "bin/gantry" ? Buffer.from(named(bytes.toString())) : bytes,
        mode: modeOf(path),
      };
  }
}

/** Modules are found by their names, which end otherwise now. */
function toJavaScript(source: string): string {
  return named(stripTypeScriptTypes(source)).replaceAll('"module-typescript"', '"module"');
}

function named(source: string): string {
  return source.replaceAll('.ts"', '.js"');
}

function* plainFiles(home: string, folder: string): Generator<ProgramFile> {
  for (const path of filesBelow(home, folder))
    if (!/\.(d\.[cm]?ts|map|md)$/.test(path))
      yield { path, bytes: readFileSync(join(home, path)), mode: 0o644 };
}

function modulesOf(home: string, manifest: Manifest, found = new Set<string>()): ReadonlySet<string> {
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    if (found.has(name)) continue;
    found.add(name);
    const path = join(home, "node_modules", name, "package.json");
    modulesOf(home, JSON.parse(readFileSync(path, "utf8")) as Manifest, found);
  }
  return found;
}

function filesBelow(home: string, folder: string): readonly string[] {
  const entries = readdirSync(join(home, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath.slice(home.length + 1)}/${entry.name}`)
    .sort();
}

function modeOf(path: string): number {
  return path === "bin/gantry" ? 0o755 : 0o644;
}

function text(path: string, content: string): ProgramFile {
  return { path, bytes: Buffer.from(content), mode: 0o644 };
}
