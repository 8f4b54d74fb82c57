import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { failure } from "#api/kube/status.ts";
import { type ApiAnswer, type ApiRequest, jsonAnswer } from "../api-request.ts";
import { parseAccept } from "../negotiation.ts";
import type { ResourceTable } from "../registry/resource-table.ts";

const protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
const askedProtobufV2 = new Set([protobufV2, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"]);

interface Document {
  readonly zipped: Uint8Array;
  readonly etag: string;
  readonly type: string;
}

/**
 * `/openapi/v2` and `/openapi/v3`. Documents are made when they are first asked for, and kept zipped alone: most who ask take
 * them so.
 */
export class OpenApiHandler {
  readonly #resources: ResourceTable;
  readonly #version: string;
  readonly #remote: ResourceTable;
  readonly #documents = new Map<string, Document>();
  #generation = -1;

  /** @param remote what others serve, who describe it themselves */
  constructor(resources: ResourceTable, version: string, remote: ResourceTable) {
    this.#resources = resources;
    this.#version = version;
    this.#remote = remote;
  }

  /** Undefined for paths that are about something else. */
  async answer(request: ApiRequest): Promise<ApiAnswer | undefined> {
    const { path } = request;
    if (!path.startsWith("/openapi/")) return undefined;
    if (this.#generation !== this.#resources.generation) {
      this.#generation = this.#resources.generation;
      this.#documents.clear();
    }
    if (path === "/openapi/v2") return await this.#v2(request);
    if (path === "/openapi/v3" || path === "/openapi/v3/") return jsonAnswer(200, await this.#index());
    const part = path.slice("/openapi/v3/".length);
    return path.startsWith("/openapi/v3/") ? await this.#part(request, part) : undefined;
  }

  async #v2(request: ApiRequest): Promise<ApiAnswer> {
    const format = formatOf(request.headers["accept"]);
    const document = await this.#document(`v2 ${format}`, async () => {
      const { openApiV2 } = await import("#orchestrator/kinds/openapi/v2.ts");
      const made = openApiV2(
        this.#version,
        this.#resources.published().map(([, one]) => one),
      );
      if (format === "json") return { bytes: Buffer.from(JSON.stringify(made)), type: "application/json" };
      const { encodeOpenApiV2 } = await import("#orchestrator/kinds/openapi/gnostic.ts");
      return { bytes: encodeOpenApiV2(made), type: protobufV2 };
    });
    return answerOf(request, document, {});
  }

  async #index(): Promise<unknown> {
    const { openApiV3Hash, openApiV3Index, openApiV3Parts } = await import(
      "#orchestrator/kinds/openapi/v3.ts"
    );
    const hashes = Object.fromEntries(
      openApiV3Parts().map((part) => [part, openApiV3Hash(part, this.#version)]),
    );
    for (const part of this.#customParts()) hashes[part] = this.#customHash(part);
    for (const { group, version } of this.#remote.all())
      hashes[`apis/${group}/${version}`] = hashOf(
        Buffer.from(`${group}/${version} ${this.#remote.generation}`),
      );
    return openApiV3Index(hashes);
  }

  async #part(request: ApiRequest, part: string): Promise<ApiAnswer | undefined> {
    const { customOpenApiV3, openApiV3, openApiV3Hash } = await import("#orchestrator/kinds/openapi/v3.ts");
    const custom = this.#publishedFor(part);
    const made =
      custom.length > 0 ? () => customOpenApiV3(custom, this.#version) : () => openApiV3(part, this.#version);
    const hash = custom.length > 0 ? this.#customHash(part) : openApiV3Hash(part, this.#version);
    const asked = request.query.get("hash");
    const name = `v3 ${part}`;
    const found = this.#documents.has(name) ? undefined : made();
    if (found === undefined && !this.#documents.has(name)) return undefined;
    if (asked !== null && asked !== "" && asked !== hash)
      return {
        kind: "bytes",
        status: 301,
        headers: { location: `${request.path}?hash=${hash}` },
        body: new Uint8Array(),
      };
    const document = await this.#document(name, async () => ({
      bytes: Buffer.from(JSON.stringify(found ?? made())),
      type: "application/json",
    }));
    return answerOf(request, document, asked === hash ? immutable() : {});
  }

  #customParts(): ReadonlySet<string> {
    return new Set(this.#resources.published().map(([part]) => part));
  }

  #publishedFor(part: string) {
    return this.#resources
      .published()
      .filter(([own]) => own === part)
      .map(([, one]) => one);
  }

  #customHash(part: string): string {
    return hashOf(Buffer.from(JSON.stringify(this.#publishedFor(part))));
  }

  async #document(
    name: string,
    make: () => Promise<{ readonly bytes: Uint8Array; readonly type: string }>,
  ): Promise<Document> {
    const known = this.#documents.get(name);
    if (known !== undefined) return known;
    const { bytes, type } = await make();
    const document = { zipped: gzipSync(bytes, { level: 5 }), etag: `"${hashOf(bytes)}"`, type };
    this.#documents.set(name, document);
    return document;
  }
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha512").update(bytes).digest("hex").toUpperCase();
}

function immutable() {
  return { "cache-control": "public, immutable", expires: "Thu, 31 Dec 2099 23:59:59 GMT" };
}

function answerOf(
  { headers }: ApiRequest,
  { zipped, etag, type }: Document,
  more: Readonly<Record<string, string>>,
): ApiAnswer {
  const own = { "content-type": type, etag, vary: "Accept, Accept-Encoding", ...more };
  if (headers["if-none-match"] === etag)
    return { kind: "bytes", status: 304, headers: own, body: new Uint8Array() };
  if (/\bgzip\b/.test(headers["accept-encoding"] ?? ""))
    return { kind: "bytes", status: 200, headers: { ...own, "content-encoding": "gzip" }, body: zipped };
  return { kind: "bytes", status: 200, headers: own, body: gunzipSync(zipped) };
}

/** @throws {StatusError} `NotAcceptable` */
function formatOf(accept = "application/json"): "json" | "protobuf" {
  for (const { type } of parseAccept(accept)) {
    if (type === "application/json" || type === "application/*" || type === "*/*") return "json";
    if (askedProtobufV2.has(type)) return "protobuf";
  }
  throw failure(
    "NotAcceptable",
    `only the following media types are accepted: application/json, ${protobufV2}`,
  );
}
