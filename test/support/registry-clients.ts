import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { EngineUnderTest } from "./engine.ts";
import type { RegistryUnderTest } from "./registry.ts";

const run = promisify(execFile);

/** Something that brings images to a registry with TLS and a password, and gets them from there. */
export interface RegistryClient {
  readonly name: string;
  /** Docker learned it with version 23. */
  readonly lacksZstd?: boolean;
  /** Loads an image of `docker save`, which has the name already, and pushes it. */
  push(archive: string, name: string): Promise<void>;
  /** Gets an image that is not here; resolves with its ID, and it is gone again. */
  pull(name: string): Promise<string>;
}

/** Any engine that the docker command line talks to. */
class DockerClient implements RegistryClient {
  readonly name: string;
  readonly #host: string;
  readonly #config: string;
  readonly lacksZstd: boolean;

  constructor(name: string, socket: string, config: string, lacksZstd = false) {
    this.name = name;
    this.lacksZstd = lacksZstd;
    this.#host = `unix://${socket}`;
    this.#config = config;
  }

  async push(archive: string, name: string): Promise<void> {
    await this.#docker("load", "-i", archive);
    await this.#docker("push", name);
    await this.#docker("rmi", "-f", name);
  }

  async pull(name: string): Promise<string> {
    await this.#docker("pull", name);
    const id = await this.#docker("inspect", "-f", "{{.Id}}", name);
    await this.#docker("rmi", "-f", id);
    return id;
  }

  async #docker(...args: string[]): Promise<string> {
    const { stdout } = await run("docker", ["--config", this.#config, "-H", this.#host, ...args]);
    return stdout.trim();
  }
}

async function loggedIn(socket: string, { host, folder }: RegistryUnderTest, name: string): Promise<string> {
  const config = join(folder, `docker-${name}`);
  const login = ["login", "-u", "u", "-p", "secret", host];
  await run("docker", ["--config", config, "-H", `unix://${socket}`, ...login]);
  return config;
}

/** The engine must trust the registry. */
export async function clientOfEngine(
  engine: EngineUnderTest,
  registry: RegistryUnderTest,
): Promise<RegistryClient> {
  return new DockerClient("gantry", engine.socket, await loggedIn(engine.socket, registry, "gantry"));
}

/** A dockerd for as long as it is needed. It takes registries of this machine as they are. */
export class DockerDaemon implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: ChildProcess;

  /** The program that `DOCKERD` names, or the host's; undefined where there is none. */
  static find(): string | undefined {
    const named = process.env["DOCKERD"] ?? "/usr/sbin/dockerd";
    return existsSync(named) ? named : undefined;
  }

  static async start(program: string): Promise<DockerDaemon> {
    const daemon = new DockerDaemon(program);
    for (;;) {
      if (daemon.#child.exitCode !== null) throw new Error("dockerd ended at once");
      const ping = ["-s", "--unix-socket", daemon.socket, "http://d/_ping"];
      if ((await run("curl", ping).catch(() => undefined))?.stdout === "OK") return daemon;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private constructor(program: string) {
    this.#folder = mkdtempSync(join(tmpdir(), "dockerd-test-"));
    const beside = [dirname(program), join(dirname(program), "../bin")].join(":");
    const folders = ["--data-root", join(this.#folder, "root"), "--exec-root", join(this.#folder, "run")];
    const places = [...folders, "--pidfile", join(this.#folder, "pid"), "-H", `unix://${this.socket}`];
    this.#child = spawn(program, [...places, "--iptables=false", "--bridge=none"], {
      stdio: "ignore",
      env: { ...process.env, PATH: `${beside}:${process.env["PATH"] ?? ""}` },
    });
  }

  get socket(): string {
    return join(this.#folder, "docker.sock");
  }

  async client(registry: RegistryUnderTest): Promise<RegistryClient> {
    const version = ["-H", `unix://${this.socket}`, "version", "-f", "{{.Server.Version}}"];
    const { stdout } = await run("docker", version);
    const config = await loggedIn(this.socket, registry, "dockerd");
    return new DockerClient("dockerd", this.socket, config, Number.parseInt(stdout, 10) < 23);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
    await run("sh", ["-c", `umount -l ${this.#folder}/root/* 2>/dev/null; rm -rf ${this.#folder}`]);
  }
}

/** podman with a store of its own. */
export class PodmanClient implements RegistryClient {
  readonly name = "podman";
  readonly #registry: RegistryUnderTest;

  constructor(registry: RegistryUnderTest) {
    this.#registry = registry;
  }

  async push(archive: string, name: string): Promise<void> {
    await this.#podman("load", "-q", "-i", archive);
    await this.#podman("push", "-q", ...this.#access, name);
    await this.#podman("rmi", "-f", name);
  }

  async pull(name: string): Promise<string> {
    const id = await this.#podman("pull", "-q", ...this.#access, name);
    await this.#podman("rmi", "-f", id);
    return `sha256:${id}`;
  }

  get #access(): readonly string[] {
    const { certificates, host } = this.#registry;
    return ["--creds", "u:secret", "--cert-dir", join(certificates, host)];
  }

  async #podman(...args: string[]): Promise<string> {
    const folder = join(this.#registry.folder, "podman");
    const places = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
    const { stdout } = await run("podman", [...places, "--cgroup-manager", "cgroupfs", ...args]);
    return stdout.trim().split("\n").at(-1) ?? "";
  }
}

/** skopeo, which keeps nothing: it pulls into a folder and checks what it writes. */
export class SkopeoClient implements RegistryClient {
  readonly name = "skopeo";
  readonly #registry: RegistryUnderTest;

  constructor(registry: RegistryUnderTest) {
    this.#registry = registry;
  }

  async push(archive: string, name: string): Promise<void> {
    await this.copy(`docker-archive:${archive}`, name);
  }

  /** @param options of the copy, as for another format or compression */
  async copy(source: string, name: string, options: readonly string[] = []): Promise<void> {
    const access = this.#access("dest");
    await run("skopeo", [
      "--insecure-policy",
      "copy",
      "-q",
      ...options,
      ...access,
      source,
      `docker://${name}`,
    ]);
  }

  async pull(name: string): Promise<string> {
    const folder = join(this.#registry.folder, "skopeo");
    mkdirSync(folder);
    try {
      const access = this.#access("src");
      await run("skopeo", [
        "--insecure-policy",
        "copy",
        "-q",
        ...access,
        `docker://${name}`,
        `dir:${folder}`,
      ]);
      const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as {
        readonly config: { readonly digest: string };
      };
      return manifest.config.digest;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  #access(side: "src" | "dest"): readonly string[] {
    const { certificates, host } = this.#registry;
    return [`--${side}-creds`, "u:secret", `--${side}-cert-dir`, join(certificates, host)];
  }
}

/** Whether the host has a program. */
export function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, program)));
}
