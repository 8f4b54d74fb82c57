import type { ServerResponse } from "node:http";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Answer, HeaderPairs, StreamAnswer } from "./answer.ts";
import { errorAnswer, errorLine, isUnexpected } from "./errors.ts";

/** Writes an answer to an ordinary response. Never throws: a client that leaves is no error. */
export async function writeAnswer(
  response: ServerResponse,
  answer: Answer,
  common: HeaderPairs,
  log: Log,
): Promise<void> {
  switch (answer.kind) {
    case "body": {
      const { status, type, body, headers = [] } = answer;
      const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
      response.writeHead(status, [
        ...common,
        "Content-Type",
        type,
        "Content-Length",
        String(length),
        ...headers,
      ]);
      response.end(body);
      return;
    }
    case "empty": {
      const hasLength = answer.status !== 204 && answer.status !== 304;
      response.writeHead(answer.status, [
        ...common,
        ...(hasLength ? ["Content-Length", "0"] : []),
        ...(answer.headers ?? []),
      ]);
      response.end();
      return;
    }
    case "stream":
      return writeStream(response, answer, common, log);
    case "hijack":
      answer.cancel();
      return writeAnswer(
        response,
        errorAnswer(new Error("this connection cannot be taken over")),
        common,
        log,
      );
    default:
      return answer satisfies never;
  }
}

async function writeStream(
  response: ServerResponse,
  answer: StreamAnswer,
  common: HeaderPairs,
  log: Log,
): Promise<void> {
  const head = () => {
    response.writeHead(200, [...common, "Content-Type", answer.type, ...(answer.headers ?? [])]);
    response.flushHeaders();
  };
  if (answer.start === "now") head();
  const chunks = answer.chunks[Symbol.asyncIterator]();
  try {
    const first = chunks.next();
    if (answer.start === "started") {
      const hasStarted = Symbol("started");
      const turn = new Promise<typeof hasStarted>((resolve) => setImmediate(resolve, hasStarted));
      await Promise.race([first, turn]);
    } else if (answer.start === "first-chunk") await first;
    if (!response.headersSent) head();
    for (let next = await first; next.done !== true; next = await chunks.next()) {
      if (response.destroyed) break;
      if (!response.write(next.value)) await roomIn(response);
    }
    response.end();
  } catch (error) {
    if (answer.onFailure === "report-always" && !response.headersSent && !response.destroyed) head();
    failStream(response, answer, error, common, log);
  } finally {
    await chunks.return?.().catch(() => {});
  }
}

function failStream(
  response: ServerResponse,
  answer: StreamAnswer,
  error: unknown,
  common: HeaderPairs,
  log: Log,
): void {
  if (response.destroyed) return; // it failed because the client has left
  if (isUnexpected(error)) log.error("stream failed", { error: messageOf(error) });
  if (!response.headersSent) void writeAnswer(response, errorAnswer(error), common, log);
  else if (answer.onFailure === "cut") response.destroy();
  else response.end(errorLine(error));
}

/** Settles when the client has taken what was written, or has left. */
function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed || !response.writableNeedDrain) return resolve();
    const settle = () => {
      response.removeListener("drain", settle);
      response.removeListener("close", settle);
      resolve();
    };
    response.once("drain", settle);
    response.once("close", settle);
  });
}
