import { objectPath } from "#client/kube/kube-resource.ts";
import { pods as podResource } from "#client/kube/resources.ts";
import { parseDuration } from "#base/duration.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { commandProtocols, type RemoteCommand, spdyCommand } from "#rpc/remote-command/connect-command.ts";
import { exitCodeOf } from "#rpc/remote-command/remote-status.ts";
import type { WantedStreams } from "#rpc/remote-command/streams.ts";
import type { Context } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { isTerminalDevice, type Terminal } from "../../output/terminal.ts";
import { followSize } from "../../streams/terminal-size.ts";
import { openTypist } from "../../streams/typist.ts";
import { KubeFailure } from "../failure.ts";
import { checkContainer, defaultContainer, findPod } from "../pods-of.ts";
import { defineKubeCommand, type Kube } from "../session.ts";
import { upgrade } from "../upgrade.ts";

export const exec = defineKubeCommand({
  usage: "(POD | TYPE/NAME) [flags] -- COMMAND [ARG...]",
  about: "Runs a command in a container of a pod, as kubectl exec does.",
  flags: {
    container: text("NAME", "Which container; the first one, unless told", "c"),
    stdin: bool("Send standard input", "i"),
    tty: bool("Give it a terminal", "t"),
    quiet: bool("Say nothing of our own", "q"),
    "pod-running-timeout": text("DURATION", "How long to wait for a pod (default 1m0s)"),
  },
  operands: [0, Infinity],
  complete: ["kube-object"],
  examples: [
    ["gantry exec -it pod/web-0 -- sh", "a shell in a pod"],
    ["gantry kube exec deploy/web -c app -- env", "of a pod of a Deployment's"],
  ],
  async run(context, values, [word = "", ...command]) {
    const { kube, err, signal } = context;
    if (word === "") throw new KubeFailure("error: pod, type/name or --filename must be specified");
    if (command.length === 0)
      throw new KubeFailure("error: you must specify at least one command for the container");
    const patienceMs = parseDuration(values["pod-running-timeout"] ?? "1m") / 1e6;
    const { pod } = await findPod(kube, word, patienceMs, signal);
    const phase = pod.status?.phase ?? "";
    if (phase === "Succeeded" || phase === "Failed")
      throw new KubeFailure(
        `error: cannot exec into a container in a completed pod; current phase is ${phase}`,
      );
    if (values.container !== undefined) checkContainer(pod, values.container);
    const tell = (line: string) => {
      if (!values.quiet) err.write(line);
    };
    const container = values.container ?? defaultContainer(pod, tell);
    const isTty = values.tty && values.stdin && isTerminalDevice(0);
    if (values.tty && values.stdin && !isTty)
      tell("Unable to use a TTY - input is not a terminal or the right kind of file\n");
    const wanted = { stdin: values.stdin, stdout: true, stderr: !isTty, tty: isTty };
    if (isTty) context.takeSignals();
    return await runCommand(context, pod, container, command, wanted);
  },
});

async function runCommand(
  context: Context & { readonly kube: Kube },
  { metadata: { namespace, name = "" } }: Pod,
  container: string,
  command: readonly string[],
  wanted: WantedStreams,
): Promise<number> {
  const { kube, out, err, signal } = context;
  const query = new URLSearchParams([["container", container], ...command.map((word) => ["command", word])]);
  for (const stream of ["stdin", "stdout", "stderr", "tty"] as const)
    if (wanted[stream]) query.append(stream, "true");
  const path = `${objectPath(podResource, { namespace, name }, "exec")}?${query.toString()}`;
  const { socket, protocol } = await upgrade(kube, path, commandProtocols, signal);
  using remote = await spdyCommand(socket, protocol, wanted);
  using _size = wanted.tty
    ? await followSize(async ({ rows, columns }) => remote.resize({ height: rows, width: columns }))
    : undefined;
  await using typist = wanted.stdin ? await openTypist(wanted.tty) : undefined;
  const sent = typist === undefined ? Promise.resolve() : send(typist.input, remote);
  sent.catch(() => {}); // the command has ended: its status says the rest
  await Promise.all([show(remote.stdout, out), show(remote.stderr, err)]);
  const status = await remote.status;
  const code = exitCodeOf(status);
  if (code === undefined) throw new KubeFailure(`error: ${status.message ?? ""}`);
  if (code !== 0) err.write(`command terminated with exit code ${code}\n`);
  return code;
}

async function send(input: AsyncIterable<Uint8Array>, { stdin }: RemoteCommand): Promise<void> {
  for await (const bytes of input)
    if (stdin !== undefined && !stdin.write(bytes))
      await new Promise((resolve) => stdin.once("drain", resolve));
  stdin?.end();
}

async function show(stream: RemoteCommand["stdout"], to: Terminal): Promise<void> {
  if (stream === undefined) return;
  for await (const bytes of stream) to.write(bytes as Uint8Array);
}
