import { isFault, messageOf } from "#base/fault.ts";
import { RpcError } from "#rpc/status.ts";
import type { Context } from "../context.ts";
import { Exit } from "../failure.ts";
import { isBadOption } from "./options/bad-option.ts";
import { isBuildFailure } from "./run-build.ts";
import { drawExcerpt } from "#oci/dockerfile/excerpt.ts";

const sourceType = "github.com/moby/buildkit/errdefs.Source+json";

interface ErrorSource {
  readonly info?: { readonly filename?: string; readonly data?: string };
  readonly ranges?: readonly {
    readonly start?: { readonly line?: number };
    readonly end?: { readonly line?: number };
  }[];
}

/** A failed build as buildx tells it, after the lines of the Dockerfile that are to blame. An interruption stays what it is. */
export function buildFailure(
  { err, signal }: Pick<Context, "err" | "signal">,
  error: unknown,
  what: string,
): unknown {
  if (error instanceof Exit) return error;
  if (signal.aborted) {
    err.write(`ERROR: ${what}failed to solve: Canceled: context canceled\n`);
    return error;
  }
  if (isBuildFailure(error)) err.write(excerptsOf(error));
  if (isBadOption(error)) return new Exit(1, `ERROR: ${messageOf(error)}`);
  const solving = isBuildFailure(error) ? "failed to solve: " : "";
  return new Exit(1, `ERROR: ${what}${solving}${failureText(error)}`);
}

/** All of it: a trailer has no room for a long one. */
export function failureText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const whole = isFault(error) && cause instanceof RpcError ? cause.status.message : "";
  return whole === "" ? messageOf(error) : whole;
}

/** The lines of the Dockerfile that a failure is about; empty when it does not say. */
export function excerptsOf(error: Error): string {
  const { cause } = error;
  if (!(cause instanceof RpcError)) return "";
  return cause.status.details
    .filter(({ typeUrl }) => typeUrl === sourceType)
    .map(({ value = new Uint8Array(0) }) => {
      const { info, ranges = [] } = JSON.parse(Buffer.from(value).toString("utf8")) as ErrorSource;
      const lines = ranges.map(({ start, end }) => ({
        first: start?.line ?? 0,
        last: end?.line ?? start?.line ?? 0,
      }));
      return drawExcerpt(
        info?.filename ?? "",
        Buffer.from(info?.data ?? "", "base64").toString("utf8"),
        lines,
      );
    })
    .join("");
}
