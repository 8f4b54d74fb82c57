import { randomBytes } from "node:crypto";
import { solveRequest, solveResponse, statusRequest, statusResponse } from "#api/buildkit/control.ts";
import { Fault } from "#base/fault.ts";
import type { DockerApi } from "#client/docker-api.ts";
import type { RegistryAuth } from "#client/image-calls.ts";
import type { GrpcClient } from "#rpc/grpc-client.ts";
import type { Method, Methods } from "#rpc/grpc-server.ts";
import { askFrontEnd } from "./ask-front-end.ts";
import { type Link, openLink } from "./link.ts";
import type { BuildPlan } from "./plan-build.ts";
import type { BuildEvent } from "./progress/trace.ts";
import { credentialsMethod, credentialsPath } from "./session/credentials.ts";
import { receiveMethod, sendPath } from "./session/file-receive.ts";
import { syncMethod, syncPath } from "./session/file-sync.ts";
import { secretMethod, secretPath } from "./session/secrets.ts";
import { uploadMethod, uploadPath } from "./session/upload.ts";

export interface BuildDeps {
  readonly api: DockerApi;
  readonly readAuth: (server: string) => Promise<RegistryAuth>;
}

export interface BuildResult {
  /** By which the engine knows the build. */
  readonly ref: string;
  readonly response: ReadonlyMap<string, string>;
}

/**
 * Has the engine build, and offers it what it needs meanwhile. Settles when the build is over, also when it was given up, and all that
 * the engine tells of it was passed on.
 *
 * @throws {Fault} with what the engine says; the status in full is its cause
 */
export async function runBuild(
  deps: BuildDeps,
  plan: BuildPlan,
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<BuildResult> {
  return await withLink(deps, plan, signal, async (link) => {
    const ref = randomBytes(16).toString("hex");
    const response = await solve(link, ref, plan, watch, signal);
    return { ref, response };
  });
}

/** Asks about the Dockerfile instead of building it: `frontend.lint` and the like. Resolves to what the front end answers. */
export async function runCall(
  deps: BuildDeps,
  plan: BuildPlan,
  request: string,
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  return await withLink(deps, plan, signal, async (link) => {
    const ref = randomBytes(16).toString("hex");
    const attrs = new Map([...plan.frontendAttrs, ["requestid", request], ...frontEndCaps]);
    const [, answer] = await Promise.all([
      solve(link, ref, { ...plan, exports: [] }, watch, signal, ""),
      askFrontEnd(link.control, ref, attrs, signal),
    ]);
    return answer;
  });
}

const frontEndCaps = [["frontend.caps", "moby.buildkit.frontend.subrequests+forward"]] as const;

async function withLink<T>(
  deps: BuildDeps,
  plan: BuildPlan,
  signal: AbortSignal,
  work: (link: Link) => Promise<T>,
): Promise<T> {
  await using agents = await openAgents(plan);
  using link = await openLink(deps.api, methodsOf(deps, plan, agents.methods), signal);
  return await work(link);
}

async function openAgents({ agents }: BuildPlan): Promise<AsyncDisposable & { readonly methods: Methods }> {
  if (agents.size === 0) return { methods: new Map(), [Symbol.asyncDispose]: async () => {} };
  const { openAgentMethods } = await import("./session/open-agents.ts");
  return await openAgentMethods(agents);
}

function methodsOf({ readAuth }: BuildDeps, plan: BuildPlan, agents: Methods): Methods {
  const destinations = new Map(
    plan.exports.flatMap(({ destination }, index) =>
      destination === undefined ? [] : [[String(index), destination] as const],
    ),
  );
  const methods = new Map<string, Method>([[credentialsPath, credentialsMethod(readAuth)], ...agents]);
  methods.set(syncPath, syncMethod(plan.folders));
  methods.set(secretPath, secretMethod(plan.secrets));
  if (destinations.size > 0) methods.set(sendPath, receiveMethod(destinations));
  if (plan.upload !== undefined) {
    const { name, archive } = plan.upload;
    methods.set(uploadPath, uploadMethod(name, archive));
  }
  return methods;
}

async function solve(
  { control, session }: Link,
  ref: string,
  plan: BuildPlan,
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
  frontend = "dockerfile.v0",
): Promise<ReadonlyMap<string, string>> {
  const exporters = plan.exports.map(({ type, attrs }) => ({ type, attrs }));
  const request = {
    ref,
    session,
    frontend,
    frontendAttrs: frontend === "" ? new Map<string, string>() : plan.frontendAttrs,
    cache: { exports: plan.cacheExports, imports: plan.cacheImports },
    entitlements: plan.entitlements,
    exporters,
    // For engines that know one exporter only.
    exporterDeprecated: exporters[0]?.type ?? "",
    exporterAttrsDeprecated: exporters[0]?.attrs ?? new Map<string, string>(),
  };
  const solved = control.unary(
    "/moby.buildkit.v1.Control/Solve",
    [solveRequest, solveResponse],
    request,
    signal,
  );
  const over = new AbortController();
  const watched = follow(control, ref, watch, over.signal);
  watched.catch(() => {}); // the build's own failure is the better reason
  try {
    const { exporterResponse } = await solved;
    return exporterResponse;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    const timer = setTimeout(() => over.abort(), lateMs);
    await watched.catch(() => {});
    clearTimeout(timer);
  }
}

/** For what the engine still tells of a build that is over. */
const lateMs = 3000;

async function follow(
  control: GrpcClient,
  ref: string,
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  using call = control.open("/moby.buildkit.v1.Control/Status", {}, signal);
  await call.send(statusRequest.encode({ ref }));
  call.finish();
  for await (const message of call.messages()) watch(statusResponse.decode(message));
}

/** Whether a failure is that of a build, and not one of asking for it. */
export function isBuildFailure(error: unknown): error is Fault {
  return error instanceof Fault && error.detail["grpcCode"] !== undefined;
}
