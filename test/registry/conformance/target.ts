import { createHash, randomBytes } from "node:crypto";
import http from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Options {
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

export const octets = { "Content-Type": "application/octet-stream" };
export const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  docker: "application/vnd.docker.distribution.manifest.v2+json",
  list: "application/vnd.docker.distribution.manifest.list.v2+json",
  empty: "application/vnd.oci.empty.v1+json",
};

/** A registry without passwords, at `http://HOST:PORT`, that the suite may fill with what it likes. */
export class Target {
  readonly #base: string;
  readonly #agent = new http.Agent({ keepAlive: true });
  #names = 0;
  readonly #prefix = `conformance-${randomBytes(4).toString("hex")}`;

  constructor(base: string) {
    this.#base = base;
  }

  /** Of a repository that nobody has used. */
  name(): string {
    return `${this.#prefix}/r${++this.#names}`;
  }

  /** `path` is below `/v2/`, or absolute, or a whole URL. */
  call(method: string, path: string, { headers = {}, body }: Options = {}): Promise<Reply> {
    const url = new URL(path, `${this.#base}/v2/`);
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const request = http.request(
      url,
      { method, agent: this.#agent, headers: { ...length, ...headers } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
        );
      },
    );
    request.on("error", reject);
    request.end(body);
    return promise;
  }

  /** The address of a new upload. */
  async begin(name: string): Promise<string> {
    const { status, headers } = await this.call("POST", `${name}/blobs/uploads/`, { body: "" });
    if (status !== 202) throw new Error(`POST of an upload: ${status}`);
    return headers.location ?? "";
  }

  async pushBlob(name: string, content: Uint8Array, digest = sha256(content)): Promise<string> {
    const location = withQuery(await this.begin(name), { digest });
    const { status, body } = await this.call("PUT", location, { headers: octets, body: content });
    if (status !== 201) throw new Error(`PUT of a blob: ${status} ${body.toString()}`);
    return digest;
  }

  pushManifest(name: string, reference: string, document: object, type = types.manifest): Promise<Reply> {
    return this.call("PUT", `${name}/manifests/${reference}`, {
      headers: { "Content-Type": type },
      body: JSON.stringify(document),
    });
  }

  /** Pushes an image of one small layer; its manifest, and what that is called. */
  async pushImage(name: string, tag: string, change: object = {}) {
    const [config, layer] = [Buffer.from(`{"made":"${randomBytes(8).toString("hex")}"}`), randomBytes(100)];
    await this.pushBlob(name, config);
    await this.pushBlob(name, layer);
    const manifest = { ...manifestOf(config, [layer]), ...change };
    const reply = await this.pushManifest(name, tag, manifest);
    if (reply.status !== 201) throw new Error(`PUT of a manifest: ${reply.status} ${reply.body.toString()}`);
    const bytes = Buffer.from(JSON.stringify(manifest));
    return { manifest, bytes, digest: sha256(bytes), config, layer, reply };
  }

  close(): void {
    this.#agent.destroy();
  }
}

export function sha256(content: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

export function sha512(content: Uint8Array | string): string {
  return `sha512:${createHash("sha512").update(content).digest("hex")}`;
}

export function descriptorOf(content: Uint8Array, mediaType: string) {
  return { mediaType, digest: sha256(content), size: content.length };
}

export function manifestOf(config: Uint8Array, layers: readonly Uint8Array[]) {
  return {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config, types.config),
    layers: layers.map((layer) => descriptorOf(layer, types.layer)),
  };
}

export function withQuery(location: string, query: Readonly<Record<string, string>>): string {
  return `${location}${location.includes("?") ? "&" : "?"}${new URLSearchParams(query).toString()}`;
}

/** The codes of an error's body. */
export function codesOf({ body }: Reply): readonly string[] {
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string }[] };
  return errors.map(({ code }) => code);
}

export function jsonOf({ body }: Reply): unknown {
  return JSON.parse(body.toString());
}
