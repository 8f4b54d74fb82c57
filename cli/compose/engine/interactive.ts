import type { Hijacked } from "#client/transport.ts";
import { demultiplex, rawOutput } from "#client/streams.ts";
import type { Context } from "../../context.ts";

export interface InteractiveOptions {
  readonly isTerminal: boolean;
  readonly hasStdin: boolean;
  readonly resize: (size: { readonly rows: number; readonly columns: number }) => Promise<void>;
}

/**
 * Joins this process's streams with a container's until the container's output ends. With a terminal keys go as they are
 * pressed, and its size follows.
 */
export async function joinStreams(
  context: Context,
  connection: Hijacked,
  options: InteractiveOptions,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  if (options.hasStdin) stack.use(forwardStdin(connection, options.isTerminal));
  else connection.closeWrite();
  if (options.isTerminal) stack.use(followSize(options));
  const pieces = options.isTerminal ? rawOutput(connection.incoming) : demultiplex(connection.incoming);
  for await (const { stream, bytes } of pieces)
    (stream === "stderr" ? context.err : context.out).write(bytes);
}

function forwardStdin(connection: Hijacked, isTerminal: boolean): Disposable {
  const { stdin } = process;
  if (isTerminal) stdin.setRawMode?.(true);
  const onData = (bytes: Buffer) => {
    stdin.pause();
    void connection.write(bytes).then(
      () => stdin.resume(),
      () => {},
    );
  };
  const onEnd = () => connection.closeWrite();
  stdin.on("data", onData);
  stdin.once("end", onEnd);
  stdin.once("error", onEnd);
  return {
    [Symbol.dispose]() {
      if (isTerminal) stdin.setRawMode?.(false);
      stdin.off("data", onData);
      stdin.pause();
      stdin.unref?.();
    },
  };
}

function followSize({ resize }: InteractiveOptions): Disposable {
  const send = () => {
    const { rows, columns } = process.stdout;
    if (rows > 0) void resize({ rows, columns }).catch(() => {});
  };
  send();
  process.on("SIGWINCH", send);
  return { [Symbol.dispose]: () => void process.off("SIGWINCH", send) };
}
