import { solveRequest, solveResponse, statusRequest, statusResponse } from "#api/buildkit/control.ts";
import { Fault } from "#base/fault.ts";
import type { DockerApi } from "#client/docker-api.ts";
import type { RegistryAuth } from "#client/image-calls.ts";
import type { RpcClient } from "#rpc/rpc-client.ts";
import type { Method, Methods } from "#rpc/methods.ts";
import { askFrontEnd, type Definition, type FrontEndResult } from "./ask-front-end.ts";
import { type Link, openLink } from "./link.ts";
import { writeCacheIndexes, writeLayoutIndex } from "./local-cache.ts";
import type { BuildPlan } from "./plan-build.ts";
import type { BuildEvent } from "./progress/trace.ts";
import { randomId } from "./random-id.ts";
import { credentialsMethod, credentialsPath } from "./session/credentials.ts";
import { receiveMethod, sendPath } from "./session/file-receive.ts";
import { syncMethod, syncPath } from "./session/file-sync.ts";
import { sharedKeyOf } from "./session/shared-key.ts";
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
    const ref = randomId(16);
    const response = await solve(link, ref, plan, watch, signal);
    return { ref, response };
  });
}

/** What a build takes of others, and gives to others. */
export interface Links {
  /** Results that stand for contexts, by the name that the attributes have for them. */
  readonly inputs: ReadonlyMap<string, Definition>;
  /** Hands the result on. The build goes on when those who want it have taken it. */
  readonly give: (definition: Definition) => Promise<void>;
}

/** As {@link runBuild}, for builds whose contexts are each other's results. */
export async function runLinkedBuild(
  deps: BuildDeps,
  plan: BuildPlan,
  links: Links,
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<BuildResult> {
  return await withLink(deps, plan, signal, async (link) => {
    const ref = randomId(16);
    const asked = { frontendOpt: plan.frontendAttrs, frontendInputs: links.inputs };
    const settle = async (answer: FrontEndResult) => {
      await links.give(answer.ref?.def ?? {});
      return answer;
    };
    const response = await ask(link, ref, plan, asked, settle, watch, signal);
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
    const ref = randomId(16);
    const frontendOpt = new Map([...plan.frontendAttrs, ["requestid", request], ...frontEndCaps]);
    let metadata: ReadonlyMap<string, Uint8Array> = new Map();
    const settle = async (answer: FrontEndResult) => {
      metadata = answer.metadata ?? metadata;
      return {};
    };
    await ask(link, ref, { ...plan, exports: [] }, { frontendOpt }, settle, watch, signal);
    return metadata;
  });
}

const frontEndCaps = [["frontend.caps", "moby.buildkit.frontend.subrequests+forward"]] as const;

/** A build whose front end we ask ourselves. Its own failure is that of what was asked. */
async function ask(
  link: Link,
  ref: string,
  plan: BuildPlan,
  asked: Parameters<typeof askFrontEnd>[2],
  settle: Parameters<typeof askFrontEnd>[3],
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const solved = solve(link, ref, plan, watch, signal, "");
  solved.catch(() => {}); // it is awaited below
  const answered = askFrontEnd(link.control, ref, asked, settle, signal);
  const [first, second] = await Promise.allSettled([answered, solved]);
  signal.throwIfAborted();
  if (first.status === "rejected" && second.status === "fulfilled") throw first.reason;
  return await solved;
}

async function withLink<T>(
  deps: BuildDeps,
  plan: BuildPlan,
  signal: AbortSignal,
  work: (link: Link) => Promise<T>,
): Promise<T> {
  await using agents = await openAgents(plan);
  const more = new Map([...agents.methods, ...(await storeMethods(plan))]);
  using link = await openLink(deps.api, await sharedKeyOf(plan), methodsOf(deps, plan, more), signal);
  return await work(link);
}

async function openAgents({ agents }: BuildPlan): Promise<AsyncDisposable & { readonly methods: Methods }> {
  if (agents.size === 0) return { methods: new Map(), [Symbol.asyncDispose]: async () => {} };
  const { openAgentMethods } = await import("./session/open-agents.ts");
  return await openAgentMethods(agents);
}

async function storeMethods({ stores }: BuildPlan): Promise<Methods> {
  if (stores.size === 0) return new Map();
  const { contentMethods } = await import("./session/content-store.ts");
  return contentMethods(stores);
}

function methodsOf({ readAuth }: BuildDeps, plan: BuildPlan, more: Methods): Methods {
  const destinations = new Map(
    plan.exports.flatMap(({ destination }, index) =>
      destination === undefined || destination.kind === "layout"
        ? []
        : [[String(index), destination] as const],
    ),
  );
  const methods = new Map<string, Method>([[credentialsPath, credentialsMethod(readAuth)], ...more]);
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
    writeCacheIndexes(plan.cacheExports, exporterResponse.get("cache.manifest"));
    writeLayouts(plan.exports, exporterResponse);
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

function writeLayouts(exports: BuildPlan["exports"], response: ReadonlyMap<string, string>): void {
  const descriptor = response.get("containerimage.descriptor");
  if (descriptor === undefined) return;
  for (const { destination, attrs } of exports)
    if (destination?.kind === "layout")
      writeLayoutIndex(destination.path, descriptor, attrs.get("name") ?? "");
}

/** For what the engine still tells of a build that is over. */
const lateMs = 3000;

async function follow(
  control: RpcClient,
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
