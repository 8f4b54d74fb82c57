import type { timestamp } from "#api/buildkit/control.ts";
import { goJson } from "#base/go-json.ts";
import type { MessageOf } from "#base/protobuf.ts";
import { formatTime } from "#base/time.ts";
import type { BuildEvent } from "./trace.ts";

/** An event as a line of JSON, in the form of BuildKit's own client. */
export function rawJson(event: BuildEvent, write: (line: string) => void): void {
  const lists = {
    vertexes: (event.vertexes ?? []).map(vertexOf),
    statuses: (event.statuses ?? []).map(statusOf),
    logs: (event.logs ?? []).map(logOf),
    warnings: (event.warnings ?? []).map(warningOf),
  };
  const given = Object.entries(lists).filter(([, list]) => list.length > 0);
  if (given.length === 0) return;
  write(`${goJson(Object.fromEntries(given))}\n`);
}

function vertexOf(vertex: NonNullable<BuildEvent["vertexes"]>[number]) {
  const { digest, inputs = [], name, started, completed, cached = false, error = "" } = vertex;
  return {
    digest,
    ...(inputs.length > 0 && { inputs }),
    ...(name !== "" && { name }),
    ...times({ started, completed }),
    ...(cached && { cached }),
    ...(error !== "" && { error }),
  };
}

function statusOf(status: NonNullable<BuildEvent["statuses"]>[number]) {
  const { id, vertex, name = "", total = 0, current, timestamp, started, completed } = status;
  return {
    id,
    ...(vertex !== "" && { vertex }),
    ...(name !== "" && { name }),
    ...(total !== 0 && { total }),
    current,
    ...times({ timestamp, started, completed }),
  };
}

function logOf({ vertex, stream, msg, timestamp }: NonNullable<BuildEvent["logs"]>[number]) {
  return { vertex, stream, data: base64(msg), ...times({ timestamp }) };
}

function warningOf(warning: NonNullable<BuildEvent["warnings"]>[number]) {
  const { vertex, level, short, detail = [], url = "", info, ranges = [] } = warning;
  return {
    vertex,
    level,
    short: base64(short),
    detail: detail.map(base64),
    ...(url !== "" && { url }),
    ...(info !== undefined && {
      sourceInfo: { filename: info.filename, data: base64(info.data), language: info.language },
    }),
    ...(ranges.length > 0 && {
      range: ranges.map(({ start, end }) => ({ start: lineOf(start), end: lineOf(end) })),
    }),
  };
}

function lineOf(position: { readonly line?: number } | undefined) {
  return position?.line === undefined || position.line === 0 ? {} : { line: position.line };
}

function base64(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array(0)).toString("base64");
}

type Time = Partial<MessageOf<typeof timestamp>> | undefined;

function times(given: Readonly<Record<string, Time>>): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, time] of Object.entries(given)) if (time !== undefined) found[name] = shownTime(time);
  return found;
}

function shownTime({ seconds = 0, nanos = 0 }: NonNullable<Time>): string {
  return formatTime(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}
