import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { BuildCase } from "./cases.ts";

/** What a Dockerfile became: an image's config, and an archive of its file system. */
export interface BuiltImage {
  readonly config: object;
  readonly author: string;
  readonly architecture: string;
  readonly archive: AsyncIterable<Uint8Array>;
}

export interface BuildOutcome {
  readonly code: number;
  readonly output: string;
}

/** Something that builds Dockerfiles. One build at a time. */
export interface SuiteBuilder extends Disposable {
  /** Makes the suite's base image known. */
  loadBase(archive: string): void;
  build(built: BuildCase, dockerfile: string, context: string): BuildOutcome;
  /** Hands over what the last build made, and removes it afterwards. */
  with<T>(work: (image: BuiltImage) => Promise<T>): Promise<T>;
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const done = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  return { code: done.status ?? -1, output: `${done.stdout}${done.stderr}`, stdout: done.stdout };
}

/** A daemon with Docker's API, by the docker command line. @param usesBuildKit tells by which of the two paths */
export function dockerBuilder(host: string, usesBuildKit: (built: BuildCase) => boolean): SuiteBuilder {
  const docker = (args: readonly string[], env?: Record<string, string>) =>
    run("docker", ["-H", host, ...args], env);
  return {
    loadBase: (archive) => void docker(["load", "-i", archive]),
    build: (built, dockerfile, context) =>
      docker(["build", "--no-cache", "-t", "suite:now", "-f", dockerfile, ...(built.flags ?? []), context], {
        DOCKER_BUILDKIT: usesBuildKit(built) ? "1" : "0",
        BUILDX_NO_DEFAULT_ATTESTATIONS: "1",
      }),
    async with(work) {
      const inspected = docker(["inspect", "--type=image", "suite:now"]);
      const [image] = JSON.parse(inspected.stdout) as {
        Config: object;
        Author: string;
        Architecture: string;
      }[];
      const id = docker(["create", "suite:now", "x"]).stdout.trim();
      try {
        const child = spawn("docker", ["-H", host, "export", id], { stdio: ["ignore", "pipe", "inherit"] });
        const { Config = {}, Author = "", Architecture = "" } = image ?? {};
        return await work({
          config: Config,
          author: Author,
          architecture: Architecture,
          archive: child.stdout,
        });
      } finally {
        docker(["rm", "-f", "-v", id]);
        docker(["rmi", "-f", "suite:now"]);
      }
    },
    [Symbol.dispose]: () => {},
  };
}

/** Debian's buildah, with a storage of its own. Has to run as root. */
export function buildahBuilder(): SuiteBuilder {
  const folder = mkdtempSync(join(tmpdir(), "gantry-buildah-"));
  const storage = ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--storage-driver=vfs"];
  const buildah = (args: readonly string[]) => run("buildah", [...storage, ...args]);
  return {
    loadBase: (archive) => {
      buildah(["pull", "--quiet", `docker-archive:${archive}`]);
      buildah(["tag", "docker.io/library/base:latest", "localhost/base:latest"]);
    },
    build: ({ flags = [] }, dockerfile, context) => {
      const how = [
        "--format=docker",
        "--isolation=chroot",
        "--no-cache",
        "--pull-never",
        "--identity-label=false",
        "-t",
        "suite:now",
      ];
      return buildah(["bud", ...how, "-f", dockerfile, ...flags, context]);
    },
    async with(work) {
      const inspected = JSON.parse(buildah(["inspect", "--type=image", "suite:now"]).stdout) as {
        Docker: { config: object; author?: string; architecture: string };
      };
      const { config, author = "", architecture } = inspected.Docker;
      const id = buildah(["from", "--pull-never", "suite:now"]).stdout.trim();
      const place = buildah(["mount", id]).stdout.trim();
      try {
        const tar = ["--numeric-owner", "--xattrs", "-C", place, "-cf", "-", "."];
        const child = spawn("tar", tar, { stdio: ["ignore", "pipe", "inherit"] });
        return await work({ config, author, architecture, archive: child.stdout });
      } finally {
        buildah(["rm", id]);
        buildah(["rmi", "-f", "suite:now"]);
      }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
