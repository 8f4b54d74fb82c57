import { defineCommand } from "../../context.ts";
import { bool, number, text } from "../../flags.ts";
import { waitExit } from "../converge/wait.ts";
import { joinStreams } from "../engine/interactive.ts";
import { openSession } from "../open-session.ts";
import { oneContainer } from "./each-service.ts";

export const command = defineCommand({
  usage: "[OPTIONS] SERVICE",
  about: "Attach local standard input, output, and error streams to a service's running container",
  flags: {
    "detach-keys": text("string", "Override the key sequence for detaching from a container."),
    index: number("int", "index of the container if service has multiple replicas."),
    "no-stdin": bool("Do not attach STDIN"),
    "sig-proxy": bool("Proxy all received signals to the process", undefined, { isOn: true }),
  },
  operands: [1, 1],
  examples: [["gantry compose attach web", "to its first process"]],
  async run(context, values, [service = ""]) {
    const session = await openSession(context, { canLackFiles: true });
    const { client, signal } = session;
    const { id } = await oneContainer(session, service, values.index);
    const { Config } = await client.inspectContainer(id, signal);
    const hasStdin = !values["no-stdin"] && Config.OpenStdin;
    const connection = await client.attachContainer(
      id,
      { stdin: hasStdin, stdout: true, stderr: true, detachKeys: values["detach-keys"] },
      signal,
    );
    await joinStreams(context, connection, {
      isTerminal: Config.Tty,
      hasStdin,
      resize: (size) => client.resizeContainer(id, size, signal),
    });
    const { State } = await client.inspectContainer(id, signal);
    return State.Running ? 0 : await waitExit(session, id);
  },
});
