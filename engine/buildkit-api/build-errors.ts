import { type Fault, isFault, messageOf } from "#base/fault.ts";
import { portText } from "#engine/build/config-steps.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import { codes, RpcError, statusOf } from "#rpc/status.ts";

/** The file that a failure's lines are of. */
export interface ErrorSource {
  readonly filename: string;
  readonly text: string;
}

/** The failure of a build in BuildKit's words, with the lines of the Dockerfile for the client to show. */
export function buildError(
  error: unknown,
  source: ErrorSource | undefined,
  lines: Lines | undefined,
): unknown {
  if (!isFault(error)) return error;
  const where = lines ?? lineOf(error);
  const message = buildMessage(error);
  const status = statusOf(error);
  const details = source === undefined || where === undefined ? [] : [sourceDetail(source, where)];
  const code = plain.has(status.code) ? codes.unknown : status.code;
  return new RpcError({ code, message, details }, { cause: error });
}

/** What BuildKit has no code for when it is a build that fails so. */
const plain: ReadonlySet<number> = new Set([codes.unimplemented, codes.notFound, codes.permissionDenied]);

function lineOf({ detail }: Fault): Lines | undefined {
  const { line } = detail;
  return typeof line === "number" ? { first: line, last: line } : undefined;
}

/** What the progress of a step shows. */
export function buildMessage(error: unknown): string {
  const text = messageOf(error);
  if (!isFault(error)) return text;
  if (error.detail["meant"] !== undefined) return `${text}${error.detail["meant"]}`;
  const failed = /^The command '([\s\S]*)' returned a non-zero code: (\d+)( \(out of memory\))?$/.exec(text);
  if (failed !== null) {
    const [, command = "", code = "", memory = ""] = failed;
    return `process ${JSON.stringify(command)} did not complete successfully: ${memory === "" ? "" : "out of memory: "}exit code: ${code}`;
  }
  if (/^Invalid (?:containerPort|proto)/.test(text)) return portText(error);
  if (error.detail["line"] !== undefined) return text.split("\n", 1)[0] ?? text;
  const missing = /^(?:(?:COPY|ADD) failed: |file not found ).*?(?:stat )?(\S+): file does not exist$/s.exec(
    text,
  );
  if (missing !== null)
    return `failed to compute cache key: failed to calculate checksum: "/${(missing[1] ?? "").replace(/^\/+/, "")}": not found`;
  return text.replace(/^(?:COPY|ADD) failed: /, "");
}

/** @see github.com/moby/buildkit, solver/errdefs/errdefs.proto, message Source */
function sourceDetail({ filename, text }: ErrorSource, { first, last }: Lines) {
  const value = {
    info: { filename, data: Buffer.from(text).toString("base64"), language: "Dockerfile" },
    ranges: [{ start: { line: first }, end: { line: last } }],
  };
  return {
    typeUrl: "github.com/moby/buildkit/errdefs.Source+json",
    value: Buffer.from(JSON.stringify(value)),
  };
}
