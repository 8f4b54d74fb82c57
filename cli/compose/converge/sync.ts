import { lstat, readFile } from "node:fs/promises";
import { posix, relative, sep } from "node:path";
import { textOfBytes } from "#oci/tar/entry.ts";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import type { Watch } from "../model.ts";
import type { Session } from "../session.ts";
import { runHook } from "./hooks.ts";
import type { Observed } from "./observe.ts";

/** Brings changed files to where a rule says they are in a container; those that are gone go there too. */
export async function syncFiles(
  session: Session,
  container: Observed,
  rule: Watch,
  paths: ReadonlySet<string>,
): Promise<void> {
  const gone: string[] = [];
  const present: (readonly [source: string, target: string])[] = [];
  for (const path of paths) {
    const below = relative(rule.path, path).split(sep).join("/");
    const target = below === "" ? (rule.target ?? "/") : posix.join(rule.target ?? "/", below);
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined) gone.push(target);
    else present.push([path, target]);
  }
  if (gone.length > 0) await runHook(session, container, { command: ["rm", "-rf", ...gone] });
  if (present.length > 0)
    await session.client.putArchive(container.id, "/", archive(present), {}, session.signal);
}

async function* archive(
  files: readonly (readonly [source: string, target: string])[],
): AsyncGenerator<Uint8Array> {
  for (const [source, target] of files) {
    const found = await lstat(source);
    const path = textOfBytes(new TextEncoder().encode(target.replace(/^\/+/, "")));
    const mtime = { seconds: Math.floor(found.mtimeMs / 1000), nanoseconds: 0 };
    const common = {
      path,
      linkPath: "",
      uid: 0,
      gid: 0,
      mtime,
      major: 0,
      minor: 0,
      mode: found.mode & 0o7777,
    };
    if (found.isDirectory()) yield tarHeader({ ...common, type: "directory", size: 0 });
    if (!found.isFile()) continue;
    const bytes = await readFile(source);
    yield tarHeader({ ...common, type: "file", size: bytes.length });
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield tarEnd;
}
