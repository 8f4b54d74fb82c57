import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import { nothing } from "#api/buildkit/session.ts";
import { int, message } from "#base/protobuf.ts";
import type { Clock } from "#base/time.ts";
import type { KeptContexts } from "#engine/build/files/kept-contexts.ts";
import type { Builds } from "#engine/build/build-service.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import type { ImageResolver } from "#engine/images/images.ts";
import type { Platform } from "#oci/platform.ts";
import { type ControlDeps, controlMethods } from "./control.ts";
import { dockerBuild, type DockerBuild } from "./docker-build.ts";
import { gatewayMethods } from "./gateway.ts";
import { duplexConnection } from "#rpc/duplex-connection.ts";
import { FrameLink } from "#rpc/frame-link.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { serveGrpc } from "#rpc/grpc-server.ts";
import { type Methods, unary } from "#rpc/methods.ts";
import { History } from "./history.ts";
import { Jobs } from "./jobs.ts";
import { sessionHeader, Sessions } from "./sessions.ts";
import { Solving } from "./solving.ts";

export interface BuildKitDeps {
  readonly builds: Builds;
  readonly contexts: KeptContexts;
  readonly images: Pick<ImageResolver, "resolve">;
  readonly exchange: () => Promise<ContentExchange>;
  readonly platform: Platform;
  /** The same after every start. */
  readonly workerId: string;
  /** The address by which steps reach the host. */
  readonly hostGateway: () => string;
  /** What clients may have steps given. */
  readonly entitlements: readonly string[];
  readonly now: Clock;
}

const sessionName = "the client's session";
const serving = 1;
const healthResponse = message({ status: int(1) });

/** BuildKit's services, on connections that were taken over from the API. Loaded with the first one of them. */
export class BuildKit {
  readonly #sessions = new Sessions();
  readonly #methods: Methods;
  readonly #control: ControlDeps;
  readonly #history: History;

  constructor(deps: BuildKitDeps) {
    const jobs = new Jobs();
    const solving = new Solving({ ...deps, sessions: this.#sessions });
    this.#control = { ...deps, sessions: this.#sessions, jobs, solving };
    this.#history = new History(deps.now);
    this.#methods = new Map([
      ...controlMethods(this.#control, this.#history),
      ...gatewayMethods({ jobs, solving }),
      ["/grpc.health.v1.Health/Check", unary(nothing, healthResponse, () => ({ status: serving }))],
      // Clients send their traces to whoever they build with.
      ["/opentelemetry.proto.collector.trace.v1.TraceService/Export", unary(nothing, nothing, () => ({}))],
    ]);
  }

  /** The client calls. Settles when the connection is over. */
  async serveControl(socket: Duplex, signal: AbortSignal): Promise<void> {
    await serveGrpc(socket, this.#methods, signal);
  }

  /** @throws {Fault} when these headers make no session */
  checkSession(headers: IncomingHttpHeaders): void {
    this.#sessions.check(headers);
  }

  /** The engine calls. Settles when the connection is over. */
  async serveSession(socket: Duplex, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void> {
    await this.#sessions.serve(new GrpcClient(socket, sessionName), headers, signal);
  }

  /** Both, on one connection of a program of ours. Settles when it is over. */
  async serveLink(socket: Duplex, headers: IncomingHttpHeaders, signal: AbortSignal): Promise<void> {
    const options = { methods: this.#methods, isOpener: false, name: sessionName };
    const link = new FrameLink(duplexConnection(socket), options);
    const running = link.run(signal);
    if (headers[sessionHeader] !== undefined) await this.#sessions.serve(link, headers, signal);
    await running;
  }

  /** Builds what Docker's own API asks for. @see dockerBuild */
  async build(
    order: DockerBuild,
    send: (status: Uint8Array) => Promise<void>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return await dockerBuild(this.#control, this.#history, order, send, signal);
  }
}
