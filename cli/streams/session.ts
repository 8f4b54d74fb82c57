import { demultiplex, rawOutput } from "#client/streams.ts";
import type { Hijacked } from "#client/transport.ts";
import type { Terminal } from "../output/terminal.ts";
import { DetachWatch, parseDetachKeys, usualDetachKeys } from "./detach-keys.ts";
import { openTypist, type Typist } from "./typist.ts";

export interface SessionOptions {
  readonly isTty: boolean;
  /** Whether our standard input is sent. */
  readonly hasInput: boolean;
  readonly detachKeys?: string | undefined;
  readonly out: Terminal;
  readonly err: Terminal;
  /** Where output goes; false drops it. */
  readonly showsOut?: boolean;
  readonly showsErr?: boolean;
}

/** How a session ended. */
export type SessionEnd = "closed" | "detached";

/**
 * Joins our streams with a container's until its output ends: raw on a terminal, which is put back in the end; taken apart
 * otherwise. The end of our input is told. With a terminal the detach keys leave.
 */
export async function runSession(connection: Hijacked, options: SessionOptions): Promise<SessionEnd> {
  await using typist = options.hasInput ? await openTypist(options.isTty) : undefined;
  const detached = Promise.withResolvers<SessionEnd>();
  if (typist === undefined) connection.closeWrite();
  else
    sendInput(connection, typist, options, () => detached.resolve("detached")).catch(() => {
      // The container has ended: its output says the rest.
    });
  const ended = showOutput(connection, options).then((): SessionEnd => "closed");
  try {
    return await Promise.race([ended, detached.promise]);
  } finally {
    connection.close();
  }
}

async function sendInput(
  connection: Hijacked,
  typist: Typist,
  { isTty, detachKeys }: SessionOptions,
  onDetach: () => void,
): Promise<void> {
  const watch = isTty ? new DetachWatch(parseDetachKeys(detachKeys ?? usualDetachKeys)) : undefined;
  for await (const bytes of typist.input) {
    const { pass, isDetached } = watch?.take(bytes) ?? { pass: bytes, isDetached: false };
    if (pass.length > 0) await connection.write(pass);
    if (isDetached) {
      onDetach();
      return;
    }
  }
  connection.closeWrite();
}

async function showOutput(connection: Hijacked, options: SessionOptions): Promise<void> {
  const { isTty, out, err, showsOut = true, showsErr = true } = options;
  const pieces = isTty ? rawOutput(connection.incoming) : demultiplex(connection.incoming);
  for await (const { stream, bytes } of pieces) {
    if (stream === "stdout" && showsOut) out.write(bytes);
    if (stream === "stderr" && showsErr) err.write(bytes);
  }
}
