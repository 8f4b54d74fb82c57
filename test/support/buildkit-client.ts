import http from "node:http";
import type { Duplex } from "node:stream";
import { createHash, randomBytes } from "node:crypto";
import { solveRequest, solveResponse, statusRequest, statusResponse } from "#api/buildkit/control.ts";
import { gatewaySolveRequest, gatewaySolveResponse, returnRequest } from "#api/buildkit/gateway.ts";
import type { Codec, MessageOf } from "#base/protobuf.ts";
import {
  infoRequest,
  infoResponse,
  readContentRequest,
  readContentResponse,
  writeActions,
  writeContentRequest,
  writeContentResponse,
} from "#api/buildkit/content.ts";
import {
  bytesMessage,
  checkAgentRequest,
  credentialsRequest,
  credentialsResponse,
  getSecretRequest,
  getSecretResponse,
  nothing,
  packet,
  packetTypes,
} from "#api/buildkit/session.ts";
import { Fault } from "#base/fault.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { serveGrpc } from "#rpc/grpc-server.ts";
import { type Method, type Methods, type ServerCall, unary } from "#rpc/methods.ts";

/** What a client offers for a build. */
export interface Offer {
  /** Files by path, in the order in which they are listed; a path that ends in a slash is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** When a file was changed, in nanoseconds since 1970. */
  readonly times?: Readonly<Record<string, bigint>>;
  /** Told of the files of the context that the engine asks for. */
  readonly requested?: (path: string) => void;
  /** By which the engine knows the folder again. */
  readonly sharedKey?: string;
  readonly secrets?: Readonly<Record<string, string>>;
  /** What the client has for registries, by host. */
  readonly credentials?: Readonly<Record<string, { readonly username: string; readonly secret: string }>>;
  /** What the agent answers, by ID. */
  readonly agents?: Readonly<Record<string, (input: Buffer) => string>>;
  /** Blobs by digest, in folders by the names that the engine is told for them. */
  readonly stores?: Readonly<Record<string, Map<string, Buffer>>>;
  /** Gets an archive that the engine sends. */
  readonly receive?: (bytes: Buffer) => void;
  /** In the place of what is made of the above. */
  readonly methods?: Methods;
}

/** An exporter, or a cache. */
export interface Named {
  readonly type: string;
  readonly attrs?: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly response: ReadonlyMap<string, string>;
  readonly vertexes: ReadonlyMap<string, { readonly isCached: boolean; readonly error: string }>;
  readonly log: string;
  /** Short forms, by what they are shown at. */
  readonly warnings: readonly string[];
}

/** Takes a connection over. */
export async function upgrade(
  socketPath: string,
  path: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const all = { Connection: "Upgrade", Upgrade: "h2c", ...(headers as Record<string, string>) };
  const request = http.request({ socketPath, path, method: "POST", headers: all, agent: false });
  request.on("upgrade", (_answer, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    resolve(socket);
  });
  request.on("response", (answer) => {
    answer.resume();
    reject(new Error(`${path}: status ${answer.statusCode}`));
  });
  request.on("error", reject);
  request.end();
  return await promise;
}

const none = new AbortController().signal;

/** A client as small as it can be, on connections of its own. */
export class BuildKitClient implements Disposable {
  readonly control: GrpcClient;
  readonly sessionSocket: Duplex;
  readonly sessionId: string;

  static async open(socketPath: string, offer: Offer): Promise<BuildKitClient> {
    const id = randomBytes(12).toString("hex");
    const methods = methodsOf(offer);
    const socket = await upgrade(socketPath, "/session", {
      "X-Docker-Expose-Session-Uuid": id,
      "X-Docker-Expose-Session-Sharedkey": offer.sharedKey ?? "",
      "X-Docker-Expose-Session-Grpc-Method": [...methods.keys()],
    });
    void serveGrpc(socket, methods, none);
    const control = new GrpcClient(await upgrade(socketPath, "/grpc"), "the engine's connection");
    return new BuildKitClient(control, socket, id);
  }

  private constructor(control: GrpcClient, sessionSocket: Duplex, sessionId: string) {
    this.control = control;
    this.sessionSocket = sessionSocket;
    this.sessionId = sessionId;
  }

  /** @throws {Fault} as the engine says; what was seen until then is its `cause` */
  async build(
    attrs: Readonly<Record<string, string>>,
    exporter: Named | undefined,
    signal: AbortSignal = none,
    caches: readonly Named[] = [],
    entitlements: readonly string[] = [],
  ): Promise<Outcome> {
    const ref = randomBytes(12).toString("hex");
    const seen = new Seen();
    const watch = this.#watch(ref, seen);
    const { type = "", attrs: exportAttrs = {} } = exporter ?? {};
    const request = {
      ref,
      session: this.sessionId,
      frontend: "dockerfile.v0",
      frontendAttrs: new Map(Object.entries(attrs)),
      entitlements,
      exporters: type === "" ? [] : [{ type, attrs: new Map(Object.entries(exportAttrs)) }],
      cache: {
        exports: caches.map((cache) => ({
          type: cache.type,
          attrs: new Map(Object.entries(cache.attrs ?? {})),
        })),
      },
    };
    const solved = this.control.unary(
      "/moby.buildkit.v1.Control/Solve",
      [solveRequest, solveResponse],
      request,
      signal,
    );
    const [answer] = await Promise.allSettled([solved, watch]);
    if (answer.status === "rejected") {
      if (answer.reason instanceof Fault)
        throw new Fault(answer.reason.kind, answer.reason.message, { cause: seen });
      throw answer.reason;
    }
    return {
      response: answer.value.exporterResponse,
      vertexes: seen.vertexes,
      log: seen.log,
      warnings: seen.warnings,
    };
  }

  /** Asks the Dockerfile front end something in the place of a build, by a gateway of the client's own. */
  async ask(attrs: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, string>> {
    const ref = randomBytes(12).toString("hex");
    const solved = this.control.unary(
      "/moby.buildkit.v1.Control/Solve",
      [solveRequest, solveResponse],
      { ref, session: this.sessionId },
      none,
    );
    solved.catch(() => {}); // its answer's failure is told below
    const gateway = "/moby.buildkit.v1.frontend.LLBBridge";
    const call = async <A, B>(
      method: string,
      [request, response]: readonly [Codec<A>, Codec<B>],
      value: Partial<A>,
    ) => {
      using open = this.control.open(`${gateway}/${method}`, { "buildkit-controlapi-buildid": ref }, none);
      await open.send(request.encode(value));
      open.finish();
      for await (const message of open.messages()) return response.decode(message);
      throw new Error(`${method}: no answer`);
    };
    const frontendOpt = new Map(Object.entries(attrs));
    const answer = await call("Solve", [gatewaySolveRequest, gatewaySolveResponse], {
      frontend: "dockerfile.v0",
      frontendOpt,
    });
    await call("Return", [returnRequest, nothing], { result: {} });
    await solved;
    return new Map(
      [...(answer.result?.metadata ?? [])].map(([name, value]) => [name, Buffer.from(value).toString()]),
    );
  }

  async #watch(ref: string, seen: Seen): Promise<void> {
    using call = this.control.open("/moby.buildkit.v1.Control/Status", {}, none);
    await call.send(statusRequest.encode({ ref }));
    call.finish();
    for await (const message of call.messages()) seen.take(statusResponse.decode(message));
  }

  [Symbol.dispose](): void {
    this.control.destroy();
    this.sessionSocket.destroy();
  }
}

/** What the engine has told of a build. */
export class Seen {
  readonly vertexes = new Map<string, { readonly isCached: boolean; readonly error: string }>();
  readonly warnings: string[] = [];
  log = "";

  take({ vertexes, logs, warnings }: MessageOf<typeof statusResponse>): void {
    for (const { name = "", cached = false, error = "" } of vertexes)
      this.vertexes.set(name, { isCached: cached, error });
    for (const { short = new Uint8Array(0) } of warnings) this.warnings.push(Buffer.from(short).toString());
    for (const { msg = new Uint8Array(0) } of logs) this.log += Buffer.from(msg).toString("utf8");
  }
}

function methodsOf(offer: Offer): Methods {
  const { secrets = {}, agents = {}, credentials, stores, receive, methods } = offer;
  const own = new Map<string, Method>([
    ["/moby.filesync.v1.FileSync/DiffCopy", sendFiles(offer)],
    [
      "/moby.buildkit.secrets.v1.Secrets/GetSecret",
      unary(getSecretRequest, getSecretResponse, ({ id }) => {
        const secret = secrets[id];
        if (secret === undefined) throw new Fault("not-found", `secret ${id} not found`);
        return { data: Buffer.from(secret) };
      }),
    ],
    [
      "/moby.sshforward.v1.SSH/CheckAgent",
      unary(checkAgentRequest, nothing, ({ id }) => {
        if (agents[id] === undefined) throw new Fault("invalid", `unset ssh forward key ${id}`);
        return {};
      }),
    ],
    [
      "/moby.sshforward.v1.SSH/ForwardAgent",
      async (call) => {
        for await (const message of call.messages) {
          const answer = agents[call.metadata("buildkit.ssh.id")]?.(
            Buffer.from(bytesMessage.decode(message).data),
          );
          await call.send(bytesMessage.encode({ data: Buffer.from(answer ?? "") }));
        }
      },
    ],
  ]);
  for (const [path, method] of stores === undefined ? [] : contentMethods(stores)) own.set(path, method);
  if (credentials !== undefined)
    own.set(
      "/moby.filesync.v1.Auth/Credentials",
      unary(credentialsRequest, credentialsResponse, ({ host }) => credentials[host] ?? {}),
    );
  if (receive !== undefined)
    own.set("/moby.filesync.v1.FileSend/DiffCopy", async (call) => {
      for await (const message of call.messages) receive(Buffer.from(bytesMessage.decode(message).data));
    });
  for (const [path, method] of methods ?? []) own.set(path, method);
  return own;
}

function contentMethods(stores: Readonly<Record<string, Map<string, Buffer>>>): Methods {
  const service = "/containerd.services.content.v1.Content";
  const storeOf = (call: ServerCall) => {
    const store = stores[call.metadata("buildkit-attachable-store-id")];
    if (store === undefined) throw new Fault("not-found", "no such store");
    return store;
  };
  const blobOf = (call: ServerCall, digest: string) => {
    const blob = storeOf(call).get(digest);
    if (blob === undefined) throw new Fault("not-found", `content ${digest}: not found`);
    return blob;
  };
  return new Map<string, Method>([
    [
      `${service}/Info`,
      unary(infoRequest, infoResponse, ({ digest }, call) => ({
        info: { digest, size: blobOf(call, digest).length },
      })),
    ],
    [
      `${service}/Read`,
      async (call) => {
        for await (const message of call.messages) {
          const { digest, offset } = readContentRequest.decode(message);
          await call.send(readContentResponse.encode({ data: blobOf(call, digest).subarray(offset) }));
          return;
        }
      },
    ],
    [
      `${service}/Write`,
      async (call) => {
        const pieces: Buffer[] = [];
        for await (const message of call.messages) {
          const { action, expected, data } = writeContentRequest.decode(message);
          pieces.push(Buffer.from(data));
          const whole = Buffer.concat(pieces);
          if (action === writeActions.commit) {
            if (`sha256:${createHash("sha256").update(whole).digest("hex")}` !== expected)
              throw new Fault("precondition", "unexpected commit digest");
            storeOf(call).set(expected, whole);
          }
          await call.send(writeContentResponse.encode({ action, offset: whole.length }));
          if (action === writeActions.commit) return;
        }
      },
    ],
  ]);
}

const goFolder = 2 ** 31;

function sendFiles({ files = {}, times = {}, requested }: Offer): Method {
  return async (call) => {
    const paths = Object.keys(files);
    const isSingle = [".dockerignore", "Dockerfile"].some((name) =>
      call.metadataList("followpaths").includes(name),
    );
    const isContext = call.metadata("dir-name") === "context" && !isSingle;
    for (const path of paths) {
      const stat = path.endsWith("/")
        ? { path: path.slice(0, -1), mode: goFolder + 0o755 }
        : { path, mode: 0o644, size: Buffer.byteLength(files[path] ?? ""), modTime: times[path] ?? 0n };
      await call.send(packet.encode({ type: packetTypes.stat, stat }));
    }
    await call.send(packet.encode({ type: packetTypes.stat }));
    for await (const message of call.messages) {
      const { type, id } = packet.decode(message);
      if (type === packetTypes.finish) return await call.send(packet.encode({ type: packetTypes.finish }));
      if (type !== packetTypes.request) throw new Fault("invalid", `packet ${type}`);
      if (isContext) requested?.(paths[id] ?? "");
      const data = Buffer.from(files[paths[id] ?? ""] ?? "");
      if (data.length > 0) await call.send(packet.encode({ type: packetTypes.data, id, data }));
      await call.send(packet.encode({ type: packetTypes.data, id }));
    }
  };
}
