import type { definition } from "#api/buildkit/control.ts";
import {
  gatewaySolveRequest,
  gatewaySolveResponse,
  pongResponse,
  type result,
  returnRequest,
} from "#api/buildkit/gateway.ts";
import { nothing } from "#api/buildkit/session.ts";
import { isFault, messageOf } from "#base/fault.ts";
import type { MessageOf } from "#base/protobuf.ts";
import type { RpcClient } from "#rpc/rpc-client.ts";
import { RpcError, type RpcStatus } from "#rpc/status.ts";

export type Definition = Partial<MessageOf<typeof definition>>;
export type FrontEndResult = Partial<MessageOf<typeof result>>;

const service = "/moby.buildkit.v1.frontend.LLBBridge";

/**
 * Asks the Dockerfile front end within a build that is under way without a front end of its own, and ends that build with what `settle`
 * makes of the answer.
 *
 * @see github.com/moby/buildkit, frontend/gateway/pb/gateway.proto
 */
export async function askFrontEnd(
  control: RpcClient,
  ref: string,
  asked: {
    readonly frontendOpt: ReadonlyMap<string, string>;
    readonly frontendInputs?: ReadonlyMap<string, Definition>;
  },
  settle: (answer: FrontEndResult) => Promise<FrontEndResult>,
  signal: AbortSignal,
): Promise<void> {
  const call = { "buildkit-controlapi-buildid": ref };
  const finish = (message: Parameters<(typeof returnRequest)["encode"]>[0]) =>
    control.unary(`${service}/Return`, [returnRequest, nothing], message, signal, call);
  await control.unary(`${service}/Ping`, [nothing, pongResponse], {}, signal, call);
  try {
    const { result: answer = {} } = await control.unary(
      `${service}/Solve`,
      [gatewaySolveRequest, gatewaySolveResponse],
      { frontend: "dockerfile.v0", allowResultReturn: true, allowResultArrayRef: true, ...asked },
      signal,
      call,
    );
    await finish({ result: await settle(answer) });
  } catch (error) {
    await finish({ error: statusOf(error) }).catch(() => {});
    throw error;
  }
}

function statusOf(error: unknown): RpcStatus {
  const { cause } = error as Error;
  if (isFault(error) && cause instanceof RpcError) return cause.status;
  return { code: 2, message: messageOf(error), details: [] };
}
