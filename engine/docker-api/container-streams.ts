import { Fault } from "#base/fault.ts";
import type { Attachment, Containers } from "#engine/containers/containers.ts";
import type { Answer } from "./answer.ts";
import type { Handler, Route } from "./call.ts";
import { parseTimestamp } from "./query.ts";

const RAW_STREAM = "application/vnd.docker.raw-stream";
const MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream";

export function containerStreamRoutes({ containers }: { readonly containers: Containers }): readonly Route[] {
  return [
    { method: "POST", path: "/containers/{id}/attach", handle: attach(containers, "raw") },
    { method: "GET", path: "/containers/{id}/attach/ws", handle: attach(containers, "websocket") },
    { method: "GET", path: "/containers/{id}/logs", handle: logs(containers) },
    { method: "POST", path: "/containers/{id}/wait", handle: wait(containers) },
  ];
}

/** The multiplexed type is announced from 1.42 on. */
export function streamType(isTty: boolean, version: number): string {
  return isTty || version < 42 ? RAW_STREAM : MULTIPLEXED_STREAM;
}

function attach(containers: Containers, protocol: "raw" | "websocket"): Handler {
  return async (call) => {
    const { query, version } = call;
    if (protocol === "websocket" && call.headers["sec-websocket-key"] === undefined)
      throw new Fault("invalid", "not a websocket handshake: Sec-WebSocket-Key is missing");
    const detachKeys = query.text("detachKeys");
    const isWebsocket = protocol === "websocket";
    // Before 1.42 a websocket always had all three streams.
    const wants = (name: string) => (isWebsocket && version < 42) || query.boolean(name);
    const attachment = await containers.attach(call.name, {
      stdin: wants("stdin"),
      stdout: wants("stdout"),
      stderr: wants("stderr"),
      logs: query.boolean("logs"),
      stream: query.boolean("stream"),
      ...(detachKeys !== "" && { detachKeys }),
    });
    const type = call.hasUpgrade ? streamType(attachment.isTty, version) : RAW_STREAM;
    return hijackAnswer(attachment, { type, protocol, repeatsHeaders: false });
  };
}

export function hijackAnswer(
  attachment: Attachment,
  form: {
    readonly type: string;
    readonly protocol: "raw" | "websocket";
    readonly repeatsHeaders: boolean;
  },
): Answer {
  return {
    kind: "hijack",
    ...form,
    isFramed: !attachment.isTty,
    run: (client) => attachment.connect(client),
    cancel: () => attachment.cancel(),
  };
}

function logs(containers: Containers): Handler {
  return (call) => {
    const { name, query, version, signal } = call;
    const record = containers.get(name);
    const [stdout, stderr] = [query.boolean("stdout"), query.boolean("stderr")];
    if (!stdout && !stderr)
      throw new Fault(
        "invalid",
        version >= 52
          ? "must specify at least one of 'stdout' or 'stderr'"
          : "Bad parameters: you must choose at least one stream",
      );
    const since = parseTimestamp(query.text("since"), 'invalid value for "since": ');
    const until = parseTimestamp(query.text("until"), 'invalid value for "until": ');
    const tail = tailOf(query.text("tail"));
    const chunks = containers.logs(
      name,
      {
        stdout,
        stderr,
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
        ...(tail !== undefined && { tail }),
        timestamps: query.boolean("timestamps"),
        follow: query.boolean("follow"),
        details: query.boolean("details"),
      },
      signal,
    );
    const type = streamType(record.config.Tty, version);
    return { kind: "stream", type, start: "started", onFailure: "cut", chunks };
  };
}

/** Anything that is no number means all, as in Docker. */
function tailOf(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Before 1.30 there were no conditions, and the head of the answer came with its body. */
function wait(containers: Containers): Handler {
  return (call) => {
    const { name, query, version, signal } = call;
    const condition = version < 30 ? "not-running" : conditionOf(query.text("condition"));
    const { id } = containers.get(name);
    const ended = containers.wait(id, condition, signal);
    ended.catch(() => {}); // handled where the body is written; it may fail before that
    return {
      kind: "stream",
      type: "application/json",
      start: version < 30 ? "first-chunk" : "now",
      onFailure: "cut",
      chunks: waitBody(ended),
    };
  };
}

function conditionOf(text: string): "not-running" | "next-exit" | "removed" {
  if (text === "" || text === "not-running") return "not-running";
  if (text === "next-exit" || text === "removed") return text;
  throw new Fault("invalid", `invalid condition: ${JSON.stringify(text)}`);
}

async function* waitBody(ended: ReturnType<Containers["wait"]>): AsyncGenerator<string> {
  const { exitCode, error } = await ended;
  yield `${JSON.stringify({
    ...(error !== undefined && error !== "" && { Error: { Message: error } }),
    StatusCode: exitCode,
  })}\n`;
}
