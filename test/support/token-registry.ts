import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** As little of a registry as takes a push, from whoever has the right token. */
export class TokenRegistry implements AsyncDisposable {
  readonly tags = new Map<string, Buffer>();
  readonly #blobs = new Map<string, Buffer>();
  readonly #token: string;
  readonly #server: Server;

  static async open(token: string): Promise<TokenRegistry> {
    const registry = new TokenRegistry(token);
    await new Promise<void>((resolve) => registry.#server.listen(0, "127.0.0.1", resolve));
    return registry;
  }

  private constructor(token: string) {
    this.#token = token;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const { pathname, searchParams } = new URL(request.url ?? "", "http://registry");
    if (request.headers.authorization !== `Bearer ${this.#token}`) {
      const challenge = `Bearer realm="http://${this.host}/token",service="test-service"`;
      return void response.writeHead(401, { "WWW-Authenticate": challenge }).end();
    }
    const [, name = "", kind = "", last = ""] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
    const at = { Location: `/v2/${name}/blobs/uploads/${last === "" ? Math.random() : last}` };
    if (request.method === "HEAD") return void response.writeHead(this.#blobs.has(last) ? 200 : 404).end();
    if (request.method === "POST") return void response.writeHead(202, at).end();
    if (request.method === "PATCH") {
      this.#blobs.set(`sha256:${createHash("sha256").update(body).digest("hex")}`, body);
      return void response.writeHead(202, at).end();
    }
    const isFine = kind === "manifests" || this.#blobs.has(searchParams.get("digest") ?? "");
    if (kind === "manifests") this.tags.set(`${name}:${last}`, body);
    response.writeHead(isFine ? 201 : 400).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
