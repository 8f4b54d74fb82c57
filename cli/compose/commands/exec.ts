import { defineCommand } from "../../context.ts";
import { bool, list, number, text } from "../../flags.ts";
import { joinStreams } from "../engine/interactive.ts";
import { openSession } from "../open-session.ts";
import { oneContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE COMMAND [ARGS...]",
  about: "Execute a command in a running container",
  flags: {
    detach: bool("Detached mode: Run command in the background", "d"),
    env: list("stringArray", "Set environment variables", "e"),
    index: number("int", "Index of the container if service has multiple replicas"),
    interactive: bool("Keep STDIN open even if not attached", "i", { hidden: true, isOn: true }),
    "no-tty": bool("Disable pseudo-TTY allocation. By default a TTY is allocated when there is one", "T"),
    privileged: bool("Give extended privileges to the process"),
    tty: bool("Allocate a pseudo-TTY", "t", { hidden: true }),
    user: text("string", "Run the command as this user", "u"),
    workdir: text("string", "Path to workdir directory for this command", "w"),
  },
  operands: [2, Infinity],
  flagsFirst: true,
  examples: [["gantry compose exec web sh", "a shell where it runs"]],
  async run(context, values, [service = "", ...Cmd]) {
    const session = await openSession(context, { canLackFiles: true });
    const { client, project, signal } = session;
    const { id } = await oneContainer(session, service, values.index);
    const isTerminal = !values["no-tty"] && context.out.isTerminal && process.stdin.isTTY;
    const Env = values.env.map((item) =>
      item.includes("=") ? item : `${item}=${project.environment[item] ?? ""}`,
    );
    const exec = await client.createExec(
      id,
      {
        Cmd,
        Env,
        AttachStdin: !values.detach,
        AttachStdout: !values.detach,
        AttachStderr: !values.detach,
        Tty: isTerminal,
        User: values.user ?? "",
        Privileged: values.privileged,
        WorkingDir: values.workdir ?? "",
      },
      signal,
    );
    if (values.detach) {
      await client.startExecDetached(exec, { Tty: false }, signal);
      return 0;
    }
    const connection = await client.startExec(exec, { Tty: isTerminal }, signal);
    await joinStreams(context, connection, {
      isTerminal,
      hasStdin: values.interactive,
      resize: (size) => client.resizeExec(exec, size, signal),
    });
    return (await client.inspectExec(exec, signal)).ExitCode ?? 0;
  },
});
