import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** A package of the archive: its changelog is what it consists of. */
export interface MirrorPackage {
  readonly name: string;
  readonly version: string;
  readonly source?: string;
  readonly changelog: string;
}

/** What a suite says of itself; milliseconds since 1970. */
export interface SuiteState {
  readonly date: number;
  readonly validUntil?: number;
}

/** A Debian archive of our own with a signing key of its own, served on the loopback. */
export class DebianMirror implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "gantry-mirror-"));
  readonly #files = new Map<string, Buffer>();
  readonly #server = createServer((request, response) => {
    const bytes = this.#files.get(request.url ?? "");
    this.asked.push(request.url ?? "");
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  readonly asked: string[] = [];
  url = "";

  static async start(): Promise<DebianMirror> {
    const mirror = new DebianMirror();
    mirror.#gpg(
      "--passphrase",
      "",
      "--quick-gen-key",
      "Archive <archive@test.invalid>",
      "ed25519",
      "sign",
      "never",
    );
    mirror.#gpg("--output", mirror.keyring, "--export");
    await new Promise<void>((resolve) => mirror.#server.listen(0, "127.0.0.1", resolve));
    mirror.url = `http://127.0.0.1:${(mirror.#server.address() as AddressInfo).port}`;
    return mirror;
  }

  get keyring(): string {
    return join(this.#folder, "keyring.gpg");
  }

  /** Publishes a suite of one component. Returns the path of its packages. */
  publish(suite: string, packages: readonly MirrorPackage[], { date, validUntil }: SuiteState): string {
    const index = packages.map((one) => this.#addPackage(one)).join("\n");
    const packed = gzipSync(index);
    const rfc = (ms: number) => new Date(ms).toUTCString().replace("GMT", "UTC");
    const release = [
      `Suite: ${suite}`,
      `Codename: ${suite}`,
      `Date: ${rfc(date)}`,
      ...(validUntil === undefined ? [] : [`Valid-Until: ${rfc(validUntil)}`]),
      "Acquire-By-Hash: yes",
      "SHA256:",
      ` ${sha256(Buffer.from(index))} ${index.length} main/binary-amd64/Packages`,
      ` ${sha256(packed)} ${packed.length} main/binary-amd64/Packages.gz`,
      "",
    ].join("\n");
    const path = `/dists/${suite}/main/binary-amd64/by-hash/SHA256/${sha256(packed)}`;
    this.#files.set(path, packed);
    this.put(`/dists/${suite}/InRelease`, this.#sign(release));
    return path;
  }

  get(path: string): Buffer {
    return this.#files.get(path) ?? Buffer.alloc(0);
  }

  /** Serves these bytes, whatever is right. */
  put(path: string, bytes: Buffer): void {
    this.#files.set(path, bytes);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
    execFileSync("gpgconf", ["--homedir", this.#folder, "--kill", "all"]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #addPackage({ name, version, source, changelog }: MirrorPackage): string {
    const root = join(this.#folder, "package");
    const doc = join(root, "usr/share/doc", name);
    mkdirSync(join(root, "DEBIAN"), { recursive: true });
    mkdirSync(doc, { recursive: true });
    const fields = `Package: ${name}\n${source === undefined ? "" : `Source: ${source}\n`}Version: ${version}\nArchitecture: amd64\n`;
    writeFileSync(
      join(root, "DEBIAN/control"),
      `${fields}Maintainer: M <m@test.invalid>\nDescription: test\n`,
    );
    writeFileSync(join(doc, "changelog.Debian.gz"), gzipSync(changelog));
    const file = join(this.#folder, "package.deb");
    execFileSync("dpkg-deb", ["--build", "--root-owner-group", root, file], { stdio: "ignore" });
    const bytes = readFileSync(file);
    rmSync(root, { recursive: true });
    const path = `pool/${name}_${version.replace(":", "%3a")}.deb`;
    this.#files.set(`/${path}`, bytes);
    return `${fields}Filename: ${path}\nSize: ${bytes.length}\nSHA256: ${sha256(bytes)}\n`;
  }

  #sign(text: string): Buffer {
    const [input, output] = [join(this.#folder, "Release"), join(this.#folder, "InRelease")];
    writeFileSync(input, text);
    rmSync(output, { force: true });
    this.#gpg("--output", output, "--clearsign", input);
    return readFileSync(output);
  }

  #gpg(...args: readonly string[]): void {
    execFileSync("gpg", ["--homedir", this.#folder, "--batch", "--pinentry-mode", "loopback", ...args], {
      stdio: "ignore",
    });
  }
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
