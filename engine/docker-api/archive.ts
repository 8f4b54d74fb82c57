import type { PathStat } from "#api/docker/path-stat.ts";
import { Readable } from "node:stream";
import { Fault } from "#base/fault.ts";
import type { Containers } from "#engine/containers/containers.ts";
import { decompressed } from "#engine/images/decompress.ts";
import { empty } from "./answer.ts";
import type { Call, Route } from "./call.ts";

/** @see Docker Engine API v1.51, /containers/{id}/archive and /containers/{id}/export */
export function archiveRoutes({ containers }: { readonly containers: Containers }): readonly Route[] {
  const path = "/containers/{id}/archive";
  return [
    {
      method: "HEAD",
      path,
      handle: async (call) => {
        const stat = await containers.statPath(call.name, pathOf(call));
        return { kind: "empty", status: 200, headers: statHeader(stat) };
      },
    },
    {
      method: "GET",
      path,
      handle: async (call) => {
        const { stat, tar } = await containers.readArchive(call.name, pathOf(call), call.signal);
        return {
          kind: "stream",
          type: "application/x-tar",
          headers: statHeader(stat),
          start: "now",
          onFailure: "cut",
          chunks: tar,
        };
      },
    },
    {
      method: "PUT",
      path,
      handle: async (call) => {
        const { name, query, request, signal } = call;
        const tar = Readable.from(decompressed(request), { objectMode: false });
        try {
          await containers.writeArchive(
            name,
            pathOf(call),
            tar,
            {
              noOverwriteDirNonDir: query.boolean("noOverwriteDirNonDir"),
              copyUidGid: query.boolean("copyUIDGID"),
            },
            signal,
          );
        } finally {
          tar.destroy();
        }
        return empty(200);
      },
    },
    {
      method: "GET",
      path: "/containers/{id}/export",
      handle: async ({ name, signal }) => ({
        kind: "stream",
        type: "application/octet-stream",
        start: "now",
        onFailure: "cut",
        chunks: await containers.export(name, signal),
      }),
    },
  ];
}

function pathOf({ query }: Call): string {
  const path = query.text("path");
  if (path === "") throw new Fault("invalid", "bad parameter: path cannot be empty");
  if (path.includes("\0")) throw new Fault("invalid", "bad parameter: path contains a NUL byte");
  return path;
}

function statHeader(stat: PathStat): readonly string[] {
  const { name, size, mode, mtime, linkTarget } = stat;
  const text = JSON.stringify({ name, size, mode, mtime, linkTarget });
  return ["X-Docker-Container-Path-Stat", Buffer.from(text).toString("base64")];
}
