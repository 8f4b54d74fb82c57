import { Fault } from "#base/fault.ts";
import { type Context, defineCommand } from "../context.ts";
import { describeFailure, Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { runSession } from "../streams/session.ts";
import { proxySignals } from "../streams/signal-proxy.ts";
import { followSize, terminalSize } from "../streams/terminal-size.ts";
import { exitCodeOf } from "./run.ts";

export const start = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Starts containers that have stopped or were only created.",
  flags: {
    attach: bool("Show output and hand signals on", "a"),
    checkpoint: text("string", "Checkpoint to start from"),
    "checkpoint-dir": text("string", "Folder of the checkpoint", undefined, { complete: "file" }),
    "detach-keys": text("string", "Keys that leave it running"),
    interactive: bool("Send standard input", "i"),
  },
  operands: [1, Infinity],
  complete: ["container"],
  examples: [
    ["gantry start web", "in the background"],
    ["gantry start -ai job", "and stay with it"],
  ],
  async run(context, values, refs) {
    const { checkpoint, "checkpoint-dir": checkpointDir } = values;
    const detachKeys = values["detach-keys"] ?? context.config().content.detachKeys;
    if (values.attach || values.interactive) {
      if (refs.length > 1)
        throw new Fault("invalid", "you cannot start and attach multiple containers at once");
      return await startAttached(context, refs[0] ?? "", { isInteractive: values.interactive, detachKeys });
    }
    const failed: string[] = [];
    for (const ref of refs) {
      try {
        await context.engine().startContainer(ref, context.signal, { detachKeys, checkpoint, checkpointDir });
        context.out.write(`${ref}\n`);
      } catch (error) {
        context.signal.throwIfAborted();
        context.err.write(`${describeFailure(error)}\n`);
        failed.push(ref);
      }
    }
    if (failed.length > 0) throw new Exit(1, `Error: failed to start containers: ${failed.join(", ")}`);
    return 0;
  },
});

async function startAttached(
  context: Context,
  ref: string,
  { isInteractive, detachKeys }: { readonly isInteractive: boolean; readonly detachKeys: string | undefined },
): Promise<number> {
  const { out, err } = context;
  const engine = context.engine();
  const { Id, Config, HostConfig } = await engine.inspectContainer(ref, context.signal);
  context.takeSignals();
  const forever = new AbortController().signal;
  using _signals = Config.Tty ? undefined : proxySignals((name) => engine.killContainer(Id, name, forever));
  const stdin = isInteractive && Config.OpenStdin;
  const connection = await engine.attachContainer(
    Id,
    { stdin, stdout: true, stderr: true, detachKeys },
    forever,
  );
  const { ended } = await engine.waitContainer(Id, HostConfig.AutoRemove ? "removed" : "next-exit", forever);
  ended.catch(() => {});
  const session = runSession(connection, { isTty: Config.Tty, hasInput: stdin, detachKeys, out, err });
  session.catch(() => {});
  try {
    await engine.startContainer(Id, forever);
  } catch (error) {
    connection.close();
    await session.catch(() => {});
    throw error;
  }
  using _size =
    Config.Tty && (await terminalSize()) !== undefined
      ? await followSize((size) => engine.resizeContainer(Id, size, forever))
      : undefined;
  if ((await session) === "detached") return 0;
  return exitCodeOf(await ended, context);
}
