import {
  evaluateRequest,
  gatewaySolveRequest,
  gatewaySolveResponse,
  pongResponse,
  returnRequest,
} from "#api/buildkit/gateway.ts";
import { nothing } from "#api/buildkit/session.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { Fault } from "#base/fault.ts";
import { type Methods, type ServerCall, unary } from "#rpc/methods.ts";
import type { Job, Jobs } from "./jobs.ts";
import { inputIdOf, inputOf } from "./inputs.ts";
import type { Solved } from "./solved.ts";
import type { Solving } from "./solving.ts";

export interface GatewayDeps {
  readonly jobs: Jobs;
  readonly solving: Solving;
}

/** By which a call names its build. */
const jobHeader = "buildkit-controlapi-buildid";

/** What of the gateway this engine has. */
const capabilities = [
  "frontend.caps",
  "frontend.inputs",
  "gateway.evaluate",
  "gateway.solve.evaluate",
  "gateway.solve.metadata",
  "importcaches",
  "proto.refarray",
  "reference.output",
  "return",
  "returnmap",
  "solve.base",
  "solve.inlinereturn",
];

/**
 * Without the caches, clients leave them out and say nothing; with them, they are told that there are none here. With the other,
 * they may ask for attestations.
 */
const operations = ["cache.gha", "cache.s3", "exporter.image.attestations"];

/**
 * The part of the gateway that clients use which run no front end of their own: they ask for the Dockerfile front end, and return its
 * result as theirs.
 *
 * @see github.com/moby/buildkit, frontend/gateway/pb/gateway.proto, service LLBBridge
 */
export function gatewayMethods(deps: GatewayDeps): Methods {
  const service = "/moby.buildkit.v1.frontend.LLBBridge";
  const jobOf = (call: ServerCall) => deps.jobs.get(call.metadata(jobHeader), call.signal);
  return new Map([
    [
      `${service}/Ping`,
      unary(nothing, pongResponse, async (_, call) => {
        await jobOf(call);
        const enabled = (id: string) => ({ id, enabled: true });
        return { frontendCaps: capabilities.map(enabled), llbCaps: operations.map(enabled) };
      }),
    ],
    [
      `${service}/Solve`,
      unary(gatewaySolveRequest, gatewaySolveResponse, async (request, call) =>
        solve(deps, await jobOf(call), request),
      ),
    ],
    [
      `${service}/Evaluate`,
      unary(evaluateRequest, nothing, async ({ ref }, call) => {
        const job = await jobOf(call);
        await job.find(ref);
        return {};
      }),
    ],
    [
      `${service}/Return`,
      unary(returnRequest, nothing, async ({ result, error }, call) => {
        const job = await jobOf(call);
        if (error !== undefined)
          job.return({
            kind: "failure",
            status: { code: error.code ?? 2, message: error.message ?? "", details: error.details ?? [] },
          });
        else job.return({ kind: "result", id: result?.ref?.id ?? "" });
        return {};
      }),
    ],
  ]);
}

async function solve(
  { solving, jobs }: GatewayDeps,
  job: Job,
  request: MessageOf<typeof gatewaySolveRequest>,
): Promise<Partial<MessageOf<typeof gatewaySolveResponse>>> {
  if ((request.definition?.def ?? []).length > 0) {
    const input = inputIdOf(request.definition);
    if (input === undefined || jobs.adopt(input, job) === undefined)
      throw new Fault(
        "not-implemented",
        "solving a definition of operations is not supported: build a Dockerfile",
      );
    return { result: { ref: { id: input, def: inputOf(input) } } };
  }
  if (request.frontend === "") return { result: { ref: { id: "" } } };
  const inputs = new Map<string, Promise<Solved>>();
  for (const [name, definition] of request.frontendInputs) {
    const built = jobs.adopt(inputIdOf(definition) ?? "", job);
    if (built === undefined)
      throw new Fault(
        "not-implemented",
        `build context ${name}: a definition of operations is not supported`,
      );
    inputs.set(name, built);
  }
  if ((request.frontendOpt.get("requestid") ?? "") !== "") {
    const answer = await solving.ask(job, request.frontend, request.frontendOpt);
    const metadata = [...answer].map(([name, value]) => [name, Buffer.from(value)] as const);
    return { result: { metadata: new Map(metadata) } };
  }
  const id = await solving.solve(job, request.frontend, request.frontendOpt, inputs);
  if (request.evaluate) await job.find(id);
  return { result: { ref: { id, def: inputOf(id) } } };
}
