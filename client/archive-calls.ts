import type { PathStat } from "#api/docker/path-stat.ts";
import type { DockerApi } from "./docker-api.ts";

/** Bits of Go's os.FileMode. */
export const goMode = { directory: 0x80000000, symlink: 0x08000000 } as const;

/** Files in and out of containers. */
export interface ArchiveCalls {
  statPath(ref: string, path: string, signal: AbortSignal): Promise<PathStat>;
  getArchive(
    ref: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly archive: AsyncIterable<Uint8Array> }>;
  putArchive(
    ref: string,
    path: string,
    archive: AsyncIterable<Uint8Array>,
    options: { readonly copyOwner?: boolean },
    signal: AbortSignal,
  ): Promise<void>;
}

export function archiveCalls(api: DockerApi): ArchiveCalls {
  const at = (ref: string) => `/containers/${encodeURIComponent(ref)}/archive`;
  return {
    async statPath(ref, path, signal) {
      const { headers, body } = await api.stream("HEAD", at(ref), { query: { path } }, signal);
      for await (const _ of body);
      return statIn(headers);
    },
    async getArchive(ref, path, signal) {
      const { headers, body } = await api.stream("GET", at(ref), { query: { path } }, signal);
      return { stat: statIn(headers), archive: body };
    },
    async putArchive(ref, path, bytes, { copyOwner }, signal) {
      const query = { noOverwriteDirNonDir: "true", path, copyUIDGID: copyOwner ? "true" : undefined };
      await api.text("PUT", at(ref), { query, body: { type: "application/x-tar", bytes } }, signal);
    },
  };
}

function statIn(headers: Readonly<Record<string, string>> = {}): PathStat {
  const bytes = Uint8Array.from(atob(headers["x-docker-container-path-stat"] ?? "e30="), (letter) =>
    letter.charCodeAt(0),
  );
  return JSON.parse(new TextDecoder().decode(bytes)) as PathStat;
}
