import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authority, type Party } from "./certificates.ts";

const program = "/usr/bin/etcd";

/** Why there is none here, for tests that need one. */
export const withoutEtcd = existsSync(program) ? false : "no etcd: apt-get install etcd-server";

/** Debian's etcd with one member, which takes only clients with a certificate of its authority. */
export class EtcdUnderTest implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly client: Party;
  readonly url: string;

  static async start(): Promise<EtcdUnderTest> {
    const [port, peerPort] = [await freePort(), await freePort()];
    const etcd = new EtcdUnderTest(mkdtempSync(join(tmpdir(), "gantry-etcd-")), port, peerPort);
    await etcd.#listening(port);
    return etcd;
  }

  private constructor(folder: string, port: number, peerPort: number) {
    this.#folder = folder;
    const authority = new Authority(join(folder, "ca"));
    const own = authority.issue(join(folder, "server"), { name: "etcd", usage: "serverAuth" });
    this.client = authority.issue(join(folder, "client"), { name: "gantry", usage: "clientAuth" });
    this.url = `https://127.0.0.1:${port}`;
    const peers = `http://127.0.0.1:${peerPort}`;
    const flags = {
      name: "one",
      "data-dir": join(folder, "data"),
      "log-level": "error",
      "listen-client-urls": this.url,
      "advertise-client-urls": this.url,
      "listen-peer-urls": peers,
      "initial-advertise-peer-urls": peers,
      "initial-cluster": `one=${peers}`,
      "cert-file": own.cert,
      "key-file": own.key,
      "client-cert-auth": "true",
      "trusted-ca-file": own.ca,
    };
    const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#child = spawn(program, words, { stdio: "ignore" });
  }

  async #listening(port: number): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error("etcd ended");
      const socket = connect(port, "127.0.0.1");
      const isThere = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (isThere) return;
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await ended;
    }
    rmSync(this.#folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
