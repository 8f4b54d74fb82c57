import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import type { Context } from "../context.ts";
import type { TlsFiles } from "../transport/open-transport.ts";

/** What a context's `meta.json` has. */
export interface ContextMeta {
  readonly Name: string;
  readonly Metadata: { readonly Description?: string; readonly [key: string]: unknown };
  readonly Endpoints: {
    readonly docker?: { readonly Host?: string; readonly SkipTLSVerify?: boolean };
    readonly [key: string]: unknown;
  };
}

interface FoundContext {
  readonly host: string;
  readonly tls?: TlsFiles;
}

type Store = Pick<Context, "config">;

/** Contexts are kept as Docker's tools keep them: folders named by the SHA-256 of the name, in `~/.docker/contexts`. */
export function contextFolders(store: Store, name: string): { readonly meta: string; readonly tls: string } {
  const { createHash } = process.getBuiltinModule("node:crypto");
  const id = createHash("sha256").update(name).digest("hex");
  const folder = join(store.config().folder, "contexts");
  return { meta: join(folder, "meta", id), tls: join(folder, "tls", id) };
}

/** @throws {Fault} `not-found` with the words of Docker's tools */
export function readMeta(store: Store, name: string): ContextMeta {
  const path = join(contextFolders(store, name).meta, "meta.json");
  if (!existsSync(path))
    throw new Fault(
      "not-found",
      `context "${name}": context not found: open ${path}: no such file or directory`,
    );
  return JSON.parse(readFileSync(path, "utf8")) as ContextMeta;
}

export function hasContext(store: Store, name: string): boolean {
  return name === "default" || existsSync(join(contextFolders(store, name).meta, "meta.json"));
}

/** The context's address and keys. */
export function readContext(store: Store, name: string): FoundContext {
  const meta = readMeta(store, name);
  const { Host = "unix:///var/run/docker.sock", SkipTLSVerify = false } = meta.Endpoints.docker ?? {};
  const files = readTlsFiles(store, name);
  const hasFiles = Object.keys(files).length > 0;
  return hasFiles || SkipTLSVerify
    ? {
        host: Host,
        tls: {
          ...(files["ca.pem"] && { ca: files["ca.pem"] }),
          ...(files["cert.pem"] && { cert: files["cert.pem"] }),
          ...(files["key.pem"] && { key: files["key.pem"] }),
          verify: !SkipTLSVerify,
        },
      }
    : { host: Host };
}

/** The endpoint's TLS files by their names. */
export function readTlsFiles(store: Store, name: string): Readonly<Record<string, string>> {
  const folder = join(contextFolders(store, name).tls, "docker");
  if (!existsSync(folder)) return {};
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((file) => [file, readFileSync(join(folder, file), "utf8")]),
  );
}

/** All contexts but the default one, by name. */
export function listContexts(store: Store): readonly ContextMeta[] {
  const folder = join(store.config().folder, "contexts", "meta");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((id) => join(folder, id, "meta.json"))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")) as ContextMeta)
    .sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

export function writeContext(
  store: Store,
  meta: ContextMeta,
  tlsFiles: Readonly<Record<string, string>>,
): void {
  const folders = contextFolders(store, meta.Name);
  mkdirSync(folders.meta, { recursive: true, mode: 0o755 });
  writeFileSync(join(folders.meta, "meta.json"), JSON.stringify(meta), { mode: 0o644 });
  rmSync(folders.tls, { recursive: true, force: true });
  if (Object.keys(tlsFiles).length === 0) return;
  const folder = join(folders.tls, "docker");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(tlsFiles))
    writeFileSync(join(folder, name), content, { mode: 0o600 });
}

export function deleteContext(store: Store, name: string): void {
  const folders = contextFolders(store, name);
  for (const folder of [folders.meta, folders.tls]) rmSync(folder, { recursive: true, force: true });
}
