import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { zstdCompressSync } from "node:zlib";
import { digestOfBytes, dockerArchive, layerOf, tarOf } from "#engine/images/archives.fixture.ts";
import { tarEnd } from "#oci/tar/writer.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import { tarEntry } from "../support/tar.ts";
import { type EscapeCase, inContainer, secret } from "./escape-case.ts";

const bombBytes = 264 << 20;

/** What images, archives and builds bring along, and what a user namespace keeps. */
export const imageCases: readonly EscapeCase[] = [
  {
    id: "E26",
    title: "a volume of an image's begins with nothing of the host's (CVE-2022-23648)",
    async attempt({ engine, victim }) {
      const found: string[] = [];
      for (const path of [victim, `/../../..${victim}`]) {
        await loadBusybox(engine, "volumed:latest", { Volumes: { [path]: {} } });
        const { stdout } = await engine.docker("run", "--rm", "volumed", "cat", `${victim}/secret`);
        found.push(stdout);
      }
      await engine.docker("rmi", "-f", "volumed");
      return found.filter((text) => text !== "");
    },
    weakness: "weak engine",
  },
  {
    id: "E29",
    title:
      "the source of a build's mount is in its image, whatever is linked there (CVE-2024-23651, CVE-2024-9675)",
    async attempt({ engine, victim }) {
      await loadBusybox(engine, "links:latest", {}, (rootfs) => symlinkSync(victim, join(rootfs, "link")));
      const found: string[] = [];
      for (const source of ["/link", `/../../../..${victim}`]) {
        const mount = `--mount=type=bind,from=links,source=${source},target=/mnt`;
        const dockerfile = tarEntry("Dockerfile", `FROM links\nRUN ${mount} cat /mnt/secret\n`);
        const { body } = await engine.upload("POST", "/build?nocache=1", Readable.from([dockerfile, tarEnd]));
        found.push(...body.split("\n").filter((line) => line.includes(secret)));
      }
      await engine.docker("rmi", "-f", "links");
      return found;
    },
    weakness: "weak engine",
  },
  {
    id: "E30",
    title: "a build takes nothing from the cache that was made on another base (CVE-2024-24557)",
    async attempt({ engine }) {
      const dockerfile = tarEntry("Dockerfile", "FROM poison\nRUN cp /mark /copied\n");
      const build = () => engine.upload("POST", "/build?t=poisoned", Readable.from([dockerfile, tarEnd]));
      const bases = ["one", "two"].map(
        (mark) => (rootfs: string) => writeFileSync(join(rootfs, "mark"), mark),
      );
      const said: string[] = [];
      for (const prepare of bases) {
        await loadBusybox(engine, "poison:latest", {}, prepare);
        said.push((await build()).body);
      }
      await engine.docker("rmi", "-f", "poisoned", "poison");
      return said[1]?.split("\n").filter((line) => line.includes("Using cache")) ?? [];
    },
    weakness: "weak engine",
  },
  {
    id: "E33",
    title: "a layer with a whiteout of what is above it is not taken",
    async attempt({ engine }) {
      const layers = [layerOf("below", "x"), tarOf({ path: ".wh...", content: "" })];
      const archive = dockerArchive([{ layers, tags: ["whiteout:1"] }]);
      const { body } = await engine.upload("POST", "/images/load", Readable.from([archive]));
      await engine.docker("rmi", "-f", "whiteout:1");
      return body.split("\n").filter((line) => line.includes("Loaded image"));
    },
    weakness: "weak engine",
  },
  {
    id: "E34",
    title: "a layer that expands a thousand times fills no disk",
    async attempt({ engine }) {
      const zeros = tarEntry("zeros", "", { size: bombBytes });
      const layer = Buffer.concat([zeros, Buffer.alloc(bombBytes), tarEnd]);
      const extra = { rootfs: { type: "layers", diff_ids: [digestOfBytes(layer)] } };
      const archive = dockerArchive([{ layers: [zstdCompressSync(layer)], tags: ["bomb:1"], extra }]);
      const { body } = await engine.upload("POST", "/images/load", Readable.from([archive]));
      await engine.docker("rmi", "-f", "bomb:1");
      return body.split("\n").filter((line) => line.includes("Loaded image"));
    },
    weakness: "weak engine",
  },
  {
    id: "E37",
    title: "root of a user namespace writes no file of the host's root (CVE-2021-21284, CVE-2023-25809)",
    attempt({ engine, options, victim }) {
      const own = options.length > 0 ? options : ["--security-opt", "userns=auto"];
      const mounts = ["-v", `${victim}:/victim`, "-v", `${engine.root}:/engine:ro`];
      const look = "(: > /victim/written) 2>/dev/null && echo written; ls /engine 2>/dev/null";
      return inContainer({ engine, options: [...own, ...mounts] }, look);
    },
    weakness: { options: ["--userns", "host"] },
  },
];
