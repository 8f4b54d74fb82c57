import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { type AddressInfo, createServer, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { Authority } from "./certificates.ts";

/** For `u` with the password `secret`, by bcrypt, which is all that docker-registry takes. */
export const htpasswd = "u:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

export interface RegistryManifest {
  readonly mediaType: string;
  readonly config: { readonly mediaType: string; readonly digest: string };
  readonly layers: readonly { readonly mediaType: string; readonly digest: string; readonly size: number }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Debian's docker-registry with a store of its own. */
export class RegistryUnderTest implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #isSecure: boolean;
  #child: ChildProcess | undefined;

  /** @param isSecure with TLS, and only for `u` with the password `secret` */
  static async start(isSecure = false): Promise<RegistryUnderTest> {
    const registry = new RegistryUnderTest(await freePort(), isSecure);
    await registry.up();
    return registry;
  }

  private constructor(port: number, isSecure: boolean) {
    this.port = port;
    this.#isSecure = isSecure;
    this.folder = mkdtempSync(join(tmpdir(), "registry-test-"));
    const lines = [
      "version: 0.1",
      "log: {level: error}",
      `storage: {filesystem: {rootdirectory: ${this.folder}/data}, delete: {enabled: true}}`,
      `http: {addr: "127.0.0.1:${port}"${isSecure ? `, tls: {certificate: ${this.folder}/cert.pem, key: ${this.folder}/key.pem}` : ""}}`,
      ...(isSecure ? [`auth: {htpasswd: {realm: test, path: ${this.folder}/htpasswd}}`] : []),
    ];
    if (isSecure) {
      new Authority(join(this.folder, "ca")).issue(this.folder, { name: "registry", usage: "serverAuth" });
      writeFileSync(join(this.folder, "htpasswd"), htpasswd);
    }
    writeFileSync(join(this.folder, "config.yml"), lines.join("\n"));
  }

  /** `localhost:PORT` */
  get host(): string {
    return `localhost:${this.port}`;
  }

  /** A folder for `--registry-certs` in which this registry's authority is trusted. */
  get certificates(): string {
    const folder = join(this.folder, "certs.d");
    mkdirSync(join(folder, this.host), { recursive: true });
    writeFileSync(join(folder, this.host, "ca.crt"), readFileSync(join(this.folder, "ca.pem")));
    return folder;
  }

  /** What a tag or digest means there. @throws with the status when it is nothing */
  async manifest(repository: string, reference: string): Promise<RegistryManifest> {
    return JSON.parse((await this.get(`/v2/${repository}/manifests/${reference}`)).toString());
  }

  /** The answer to a read with the right password. @throws with the status */
  get(path: string): Promise<Buffer> {
    const client = this.#isSecure ? https : http;
    const accept = ["index", "manifest", "image.index", "image.manifest"].flatMap((kind) => [
      `application/vnd.oci.${kind}.v1+json`,
      `application/vnd.docker.distribution.${kind}.v2+json`,
    ]);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const options = { host: "127.0.0.1", port: this.port, path, agent: false, rejectUnauthorized: false };
    const headers = { Accept: accept.join(", ") };
    const request = client.get({ ...options, auth: "u:secret", headers }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on("data", (piece: Buffer) => pieces.push(piece));
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(Buffer.concat(pieces));
        else reject(new Error(`${path}: ${answer.statusCode}`));
      });
    });
    request.on("error", reject);
    return promise;
  }

  async up(): Promise<void> {
    this.#child = spawn("docker-registry", ["serve", join(this.folder, "config.yml")], { stdio: "ignore" });
    while (!(await this.#answers())) {
      if (this.#child.exitCode !== null) throw new Error("docker-registry ended at once");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  #answers(): Promise<boolean> {
    const client = this.#isSecure ? https : http;
    const options = {
      host: "127.0.0.1",
      port: this.port,
      path: "/v2/",
      agent: false,
      rejectUnauthorized: false,
    };
    return new Promise((resolve) => {
      client
        .get(options, (answer) => {
          answer.resume();
          resolve(true);
        })
        .on("error", () => resolve(false));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A door to a port, which slams shut when it is told to. */
export class Door implements AsyncDisposable {
  readonly port: number;
  /** Bytes that have come out of it. */
  received = 0;
  /** So many bytes, in both directions together, may pass from now on before every connection is cut. */
  budget = Number.POSITIVE_INFINITY;
  cuts = 0;
  /** Bytes that have gone in. */
  sent = 0;
  /** When so many bytes, in both directions together, have passed, nothing more does. */
  holdsAfter = Number.POSITIVE_INFINITY;
  /** Called once, when it holds. */
  onHold: () => void = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  static async open(target: number): Promise<Door> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Door(server, target);
  }

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (client: Socket) => {
      const upstream = connect(target, "127.0.0.1");
      for (const [from, to, isAnswer] of [
        [client, upstream, false],
        [upstream, client, true],
      ] as const) {
        this.#sockets.add(from);
        from.on("data", (bytes: Buffer) => {
          if (this.received + this.sent >= this.holdsAfter) {
            const tell = this.onHold;
            this.onHold = () => {};
            tell();
            return void from.pause();
          }
          if (isAnswer) this.received += bytes.length;
          else this.sent += bytes.length;
          const room = this.budget;
          this.budget -= bytes.length;
          to.write(bytes.subarray(0, Math.max(0, Math.min(room, bytes.length))));
          if (this.budget <= 0) this.slam();
        });
        from.on("error", () => to.destroy());
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
      }
    });
  }

  /** Cuts every connection; the next ones are let through. */
  slam(): void {
    this.cuts++;
    this.budget = Number.POSITIVE_INFINITY;
    for (const socket of this.#sockets) {
      // Reset while a write or the end is on its way, it never settles, and the process turns in circles at its exit.
      if (socket.writableEnded || socket.writableLength > 0) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * A Docker archive of an image whose layers hold what no compression makes smaller; returns its path.
 *
 * @param isPlain whether they are stored as they are, or else by gzip
 */
export function makeLayeredArchive(
  folder: string,
  reference: string,
  layerBytes: readonly number[],
  isPlain = false,
): string {
  const layers = layerBytes.map((bytes, index) => {
    const files = join(folder, `files-${index}`);
    mkdirSync(files);
    writeFileSync(join(files, `random-${index}`), randomBytes(bytes));
    return execFileSync("tar", ["-C", files, "--numeric-owner", "-cf", "-", "."], { maxBuffer: 1 << 28 });
  });
  const archive = join(folder, "image");
  mkdirSync(archive);
  layers.forEach((layer, index) =>
    writeFileSync(join(archive, `${index}.tar.gz`), isPlain ? layer : gzipSync(layer, { level: 1 })),
  );
  const config = {
    architecture: process.arch === "x64" ? "amd64" : "arm64",
    os: "linux",
    config: { Cmd: ["true"], Labels: { made: "here" } },
    rootfs: {
      type: "layers",
      diff_ids: layers.map((layer) => `sha256:${createHash("sha256").update(layer).digest("hex")}`),
    },
  };
  writeFileSync(join(archive, "config.json"), JSON.stringify(config));
  const entry = {
    Config: "config.json",
    RepoTags: [reference],
    Layers: layers.map((_, index) => `${index}.tar.gz`),
  };
  writeFileSync(join(archive, "manifest.json"), JSON.stringify([entry]));
  execFileSync("tar", ["-C", archive, "-cf", join(folder, "image.tar"), "."]);
  return join(folder, "image.tar");
}
