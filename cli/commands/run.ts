import { messageOf } from "#base/fault.ts";
import type { WaitResult } from "#client/container-calls.ts";
import { type Context, defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { attachedStreams, type ContainerValues } from "../options/container-body.ts";
import { containerFlags } from "../options/container-flags.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { runSession } from "../streams/session.ts";
import { proxySignals } from "../streams/signal-proxy.ts";
import { followSize, terminalSize } from "../streams/terminal-size.ts";
import { asCreateFailure, createContainer } from "./create.ts";

export const run = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  about: "Creates a container, starts it, and stays with it until it ends.",
  flags: {
    ...containerFlags,
    detach: bool("Leave it in the background and print its ID", "d"),
    "detach-keys": text("string", "Keys that leave it running, e.g. ctrl-p,ctrl-q"),
    "sig-proxy": bool("Hand signals to the process", undefined, { isOn: true }),
  },
  operands: [1, Infinity],
  flagsFirst: true,
  complete: ["image", "file"],
  examples: [
    ["gantry run --rm -it busybox sh", "a shell that leaves nothing behind"],
    ["gantry run -d --name web -p 8080:80 busybox httpd -f", "a server in the background"],
    ["gantry run --rm -v $PWD:/src -w /src busybox ls", "this folder inside"],
  ],
  exitCodes: [
    [125, "the container could not be made or started"],
    [126, "its command cannot be run"],
    [127, "its command is not there"],
  ],
  async run(context, values, [image = "", ...words], given) {
    checkConflicts(values);
    let id: string;
    try {
      id = await createContainer(context, values, image, words, given);
    } catch (error) {
      context.signal.throwIfAborted();
      throw asCreateFailure(error, "run");
    }
    return values.detach ? await runDetached(context, id) : await runAttached(context, values, id);
  },
});

type RunValues = ContainerValues & {
  readonly detach: boolean;
  readonly "detach-keys": string | undefined;
  readonly "sig-proxy": boolean;
};

function checkConflicts(values: RunValues): void {
  if (values.detach && values.attach.length > 0)
    throw new Exit(1, "conflicting options: cannot specify both --attach and --detach");
  if (!values.detach && values.interactive && values.tty && !isTerminalDevice(0))
    throw new Exit(1, "the input device is not a TTY");
}

async function runDetached(context: Context, id: string): Promise<number> {
  try {
    await context.engine().startContainer(id, context.signal);
  } catch (error) {
    throw asStartFailure(error);
  }
  context.out.write(`${id}\n`);
  return 0;
}

async function runAttached(context: Context, values: RunValues, id: string): Promise<number> {
  const { out, err } = context;
  context.takeSignals();
  const engine = context.engine();
  const streams = attachedStreams(values);
  const forever = new AbortController().signal;
  const detachKeys = values["detach-keys"] ?? context.config().content.detachKeys;
  using _signals = values["sig-proxy"]
    ? proxySignals((name) => engine.killContainer(id, name, forever))
    : undefined;
  const connection = await engine.attachContainer(id, { ...streams, detachKeys }, forever);
  const { ended } = await engine.waitContainer(id, values.rm ? "removed" : "next-exit", forever);
  ended.catch(() => {});
  const session = runSession(connection, {
    isTty: values.tty,
    hasInput: streams.stdin && values.interactive,
    detachKeys,
    out,
    err,
    showsOut: streams.stdout,
    showsErr: streams.stderr,
  });
  session.catch(() => {});
  try {
    await engine.startContainer(id, forever);
  } catch (error) {
    connection.close();
    await session.catch(() => {});
    if (values.rm) await ended.catch(() => {});
    throw asStartFailure(error);
  }
  using _size =
    values.tty && (await terminalSize()) !== undefined
      ? await followSize((size) => engine.resizeContainer(id, size, forever))
      : undefined;
  const how = await session;
  if (how === "detached") return 0;
  return exitCodeOf(await ended, context);
}

/** Exit code of a container that was waited for. */
export function exitCodeOf({ StatusCode, Error: failure }: WaitResult, { err }: Context): number {
  if (failure?.Message) {
    err.write(`Error waiting for container: ${failure.Message}\n`);
    return 125;
  }
  return StatusCode;
}

function asStartFailure(error: unknown) {
  const text = messageOf(error);
  const isMissing = /executable file not found|no such file or directory|system cannot find the file/.test(
    text,
  );
  const isForbidden = /permission denied|not a directory/.test(text) || text.includes("is a directory");
  return asCreateFailure(error, "run", isMissing ? 127 : isForbidden ? 126 : 125);
}
