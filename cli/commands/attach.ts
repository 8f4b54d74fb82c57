import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, text } from "../flags.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { runSession } from "../streams/session.ts";
import { proxySignals } from "../streams/signal-proxy.ts";
import { followSize, terminalSize } from "../streams/terminal-size.ts";
import { exitCodeOf } from "./run.ts";

export const attach = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  about: "Connects our streams to a running container's main process.",
  flags: {
    "detach-keys": text("string", "Keys that leave it running, e.g. ctrl-p,ctrl-q"),
    "no-stdin": bool("Do not send standard input"),
    "sig-proxy": bool("Hand signals to the process", undefined, { isOn: true }),
  },
  operands: [1, 1],
  complete: ["running-container"],
  examples: [["gantry attach web", "leave with ctrl-p ctrl-q where it has a terminal"]],
  async run(context, values, [ref = ""]) {
    const engine = context.engine();
    const { State, Config } = await engine.inspectContainer(ref, context.signal);
    if (!State.Running)
      throw new Fault("conflict", "You cannot attach to a stopped container, start it first");
    if (State.Paused)
      throw new Fault("conflict", "You cannot attach to a paused container, unpause it first");
    if (State.Restarting)
      throw new Fault("conflict", "You cannot attach to a restarting container, wait until it is running");
    const stdin = !values["no-stdin"] && Config.OpenStdin;
    if (stdin && Config.Tty && !isTerminalDevice(0)) throw new Exit(1, "the input device is not a TTY");
    const detachKeys = values["detach-keys"] ?? context.config().content.detachKeys;
    context.takeSignals();
    const forever = new AbortController().signal;
    using _signals =
      values["sig-proxy"] && !Config.Tty
        ? proxySignals((name) => engine.killContainer(ref, name, forever))
        : undefined;
    const { ended } = await engine.waitContainer(ref, "not-running", forever);
    ended.catch(() => {});
    const options = { stdin, stdout: true, stderr: true, detachKeys };
    const connection = await engine.attachContainer(ref, options, forever);
    const size = Config.Tty ? await terminalSize() : undefined;
    // A change of size is what makes a full-screen program draw again.
    if (size !== undefined)
      await engine
        .resizeContainer(ref, { rows: size.rows + 1, columns: size.columns + 1 }, forever)
        .catch(() => {});
    using _size =
      size !== undefined ? await followSize((now) => engine.resizeContainer(ref, now, forever)) : undefined;
    const { out, err } = context;
    const how = await runSession(connection, { isTty: Config.Tty, hasInput: stdin, detachKeys, out, err });
    if (how === "detached") throw new Exit(1, "read escape sequence");
    return exitCodeOf(await ended, context);
  },
});
