import { defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { bool, list, text } from "../flags.ts";
import { collectEnvironment } from "../options/environment.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { runSession } from "../streams/session.ts";
import { followSize, terminalSize } from "../streams/terminal-size.ts";

export const exec = defineCommand({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  about: "Runs a command in a running container.",
  flags: {
    detach: bool("Leave it in the background", "d"),
    "detach-keys": text("string", "Keys that leave it running"),
    env: list("list", "An environment variable, KEY=VALUE or KEY", "e"),
    "env-file": list("list", "A file of environment variables", undefined, { complete: "file" }),
    interactive: bool("Keep standard input open", "i"),
    privileged: bool("Give it every right of the machine"),
    tty: bool("Give it a terminal", "t"),
    user: text("string", "Who runs it: NAME or ID[:GROUP]", "u"),
    workdir: text("string", "Folder to start in", "w"),
  },
  operands: [2, Infinity],
  flagsFirst: true,
  complete: ["running-container", "file"],
  examples: [
    ["gantry exec -it web sh", "a shell beside what runs"],
    ["gantry exec -e A=1 -w /tmp web env", "with a variable and a folder"],
    ["gantry exec -it deploy/web -- sh", "in a pod, with the flags of 'gantry kube exec'"],
  ],
  exitCodes: [
    [126, "the command cannot be run"],
    [127, "the command is not there"],
  ],
  async run(context, values, [ref = "", ...words]) {
    const { out, err, signal } = context;
    const engine = context.engine();
    if (!values.detach && values.interactive && values.tty && !isTerminalDevice(0))
      throw new Exit(1, "the input device is not a TTY");
    const env = collectEnvironment(values["env-file"], values.env, context.env);
    await engine.inspectContainer(ref, signal);
    const detachKeys = values["detach-keys"] ?? context.config().content.detachKeys;
    const size = values.tty ? await terminalSize() : undefined;
    const id = await engine.createExec(
      ref,
      {
        User: values.user ?? "",
        Privileged: values.privileged,
        Tty: values.tty,
        AttachStdin: !values.detach && values.interactive,
        AttachStdout: !values.detach,
        AttachStderr: !values.detach,
        ...(detachKeys === undefined ? {} : { DetachKeys: detachKeys }),
        Env: env,
        WorkingDir: values.workdir ?? "",
        Cmd: words,
        ...(size === undefined ? {} : { ConsoleSize: [size.rows, size.columns] as const }),
      },
      signal,
    );
    if (values.detach) {
      await engine.startExecDetached(id, { Tty: values.tty }, signal);
      return 0;
    }
    const consoleSize = size === undefined ? {} : { ConsoleSize: [size.rows, size.columns] as const };
    const connection = await engine.startExec(id, { Tty: values.tty, ...consoleSize }, signal);
    using _size =
      size === undefined ? undefined : await followSize((now) => engine.resizeExec(id, now, signal));
    const how = await runSession(connection, {
      isTty: values.tty,
      hasInput: values.interactive,
      detachKeys,
      out,
      err,
    });
    if (how === "detached") throw new Exit(1, "read escape sequence");
    return (await engine.inspectExec(id, signal)).ExitCode ?? 0;
  },
});
