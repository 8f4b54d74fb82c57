import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { loadBusybox } from "../support/busybox-image.ts";
import type { EngineUnderTest } from "../support/engine.ts";
import { tarEntry } from "../support/tar.ts";
import { tarEnd } from "#oci/tar/writer.ts";
import { type EscapeCase } from "./escape-case.ts";

/** What the engine might run or load of an image's when it works in its files, with the rights that it has there. */
export const copyCases: readonly EscapeCase[] = [
  {
    id: "E10",
    title: "docker cp loads no library of the container's (CVE-2019-14271)",
    async attempt({ engine }) {
      await loadBusybox(engine, "libraries:latest", {}, putLibraries);
      await engine.dockerOk("create", "--name", "libraries", "libraries");
      const archive = Readable.from([tarEntry("written", "x"), tarEnd]);
      await engine.upload("PUT", "/containers/libraries/archive?path=/tmp", archive);
      return traces(engine, "libraries");
    },
    weakness: "weak engine",
  },
  {
    id: "E11",
    title: "docker cp unpacks with no program of the container's (CVE-2026-41567)",
    async attempt({ engine }) {
      await loadBusybox(engine, "unpackers:latest", {}, putUnpackers);
      await engine.dockerOk("create", "--name", "unpackers", "unpackers");
      for (const magic of ["fd377a585a00", "1f8b08", "28b52ffd", "425a68"]) {
        const body = Readable.from([Buffer.concat([Buffer.from(magic, "hex"), Buffer.alloc(2000, 7)])]);
        await engine.upload("PUT", "/containers/unpackers/archive?path=/tmp", body);
      }
      return traces(engine, "unpackers");
    },
    weakness: "weak engine",
  },
];

/** Whether something of the image's, which no container runs from, has run all the same; removes both. */
async function traces(engine: EngineUnderTest, name: string): Promise<readonly string[]> {
  const { status } = await engine.api("GET", `/containers/${name}/archive?path=/ran`);
  await engine.docker("rm", "-f", name);
  await engine.docker("rmi", "-f", name);
  return status === 404 ? [] : [`something of the image's ran: ${status}`];
}

/** As glibc asks for them when it looks up a user: one that the image's own settings name, and those that it always had. */
function putLibraries(rootfs: string): void {
  const folder = join(rootfs, "lib/x86_64-linux-gnu");
  mkdirSync(folder, { recursive: true });
  for (const name of ["evil", "files", "compat", "dns"])
    execFileSync("gcc", [
      "-shared",
      "-fPIC",
      "-o",
      join(folder, `libnss_${name}.so.2`),
      join(import.meta.dirname, "nss.c"),
    ]);
  writeFileSync(
    join(rootfs, "etc/nsswitch.conf"),
    "passwd: evil files\ngroup: evil files\nhosts: evil files\n",
  );
  writeFileSync(join(rootfs, "etc/ld.so.preload"), "/lib/x86_64-linux-gnu/libnss_evil.so.2\n");
}

function putUnpackers(rootfs: string): void {
  for (const folder of ["bin", "usr/bin"])
    for (const tool of ["xz", "gzip", "unpigz", "zstd", "bzip2", "tar"]) {
      const path = join(rootfs, folder, tool);
      mkdirSync(join(rootfs, folder), { recursive: true });
      rmSync(path, { force: true });
      writeFileSync(path, "#!/bin/busybox sh\necho ran > /ran\n", { mode: 0o755 });
    }
}
