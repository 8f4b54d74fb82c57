import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Fault } from "#base/fault.ts";
import { runProgram } from "./run-program.ts";

/** A Debian package on disk, as apt verified it. */
export interface DebFile {
  readonly name: string;
  readonly path: string;
}

interface Source {
  readonly name: string;
  readonly file: string;
  readonly algorithm: string;
  readonly hash: string;
}

// The user _apt may not write into our folders, and what it protects from, apt's own network code, runs either way.
const asRoot = ["-o", "APT::Sandbox::User=root"] as const;

/**
 * The newest version of each package that this machine's apt knows, in the order asked. Apt checks signatures; files that are
 * there already are checked against apt's index and kept. Apt's lists are updated only when they do not do.
 *
 * @throws {Fault} `internal` with apt's words
 */
export async function fetchPackages(
  names: readonly string[],
  cache: string,
  signal: AbortSignal,
): Promise<readonly DebFile[]> {
  await mkdir(cache, { recursive: true });
  try {
    return await fetchKnown(names, cache, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Fault)) throw error;
    await updateLists(signal);
    return await fetchKnown(names, cache, signal);
  }
}

/** Installs what is missing. */
export async function ensureInstalled(names: readonly string[], signal: AbortSignal): Promise<void> {
  const missing: string[] = [];
  for (const name of names) if (!(await isInstalled(name, signal))) missing.push(name);
  if (missing.length === 0) return;
  const install = () =>
    runProgram(["apt-get", "-qq", "-y", "--no-install-recommends", "install", ...missing], {
      signal,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  try {
    await install();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Fault)) throw error;
    await updateLists(signal);
    await install();
  }
}

async function fetchKnown(
  names: readonly string[],
  cache: string,
  signal: AbortSignal,
): Promise<readonly DebFile[]> {
  const sources = await locate(names, signal);
  const missing: string[] = [];
  for (const source of sources)
    if (!(await isWhole(join(cache, source.file), source))) missing.push(source.name);
  if (missing.length > 0) await download(missing, cache, signal);
  const broken: string[] = [];
  for (const source of sources)
    if (!(await isWhole(join(cache, source.file), source))) broken.push(source.file);
  if (broken.length > 0) throw new Fault("internal", `apt-get download gave no ${broken.join(", ")}`);
  return sources.map(({ name, file }) => ({ name, path: join(cache, file) }));
}

/**
 * Lines are `'URL' file size SHA256:hex`, in apt's own order. Apt leaves out what is in the current folder, so that is one
 * that nobody keeps packages in.
 */
async function locate(names: readonly string[], signal: AbortSignal): Promise<readonly Source[]> {
  const text = await runProgram(["apt-get", ...asRoot, "download", "--print-uris", ...names], {
    cwd: "/proc/self",
    signal,
  });
  const byName = new Map<string, Source>();
  const lines = text.matchAll(/^'[^']*' (\S+) \d+ (SHA256|SHA512):([0-9a-f]+)$/gm);
  for (const [, file = "", algorithm = "", hash = ""] of lines) {
    const name = file.slice(0, file.indexOf("_"));
    byName.set(name, { name, file: basename(file), algorithm: algorithm.toLowerCase(), hash });
  }
  return names.map((name) => {
    const source = byName.get(name);
    if (source === undefined) throw new Fault("internal", `apt knows no package ${name}`);
    return source;
  });
}

/** Into a folder of its own first: a kill leaves no half file under a good name. */
async function download(names: readonly string[], cache: string, signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(cache, "download-"));
  try {
    await runProgram(["apt-get", ...asRoot, "-qq", "download", ...names], { cwd: folder, signal });
    for (const file of await readdir(folder)) await rename(join(folder, file), join(cache, file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isWhole(path: string, source: Source): Promise<boolean> {
  try {
    return (
      createHash(source.algorithm)
        .update(await readFile(path))
        .digest("hex") === source.hash
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

async function isInstalled(name: string, signal: AbortSignal): Promise<boolean> {
  try {
    const status = await runProgram(["dpkg-query", "-W", "-f", `\${db:Status-Status}`, name], { signal });
    return status === "installed";
  } catch (error) {
    if (error instanceof Fault && error.kind === "internal") return false;
    throw error;
  }
}

async function updateLists(signal: AbortSignal): Promise<void> {
  await runProgram(["apt-get", "-qq", "update"], { signal });
}
