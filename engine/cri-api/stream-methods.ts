import type { runtimeService } from "#api/cri/services.ts";
import type { ExecConfig } from "#api/docker/container.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { acceptCommand } from "#rpc/remote-command/accept-command.ts";
import { acceptPortForward } from "#rpc/remote-command/accept-port-forward.ts";
import { exitStatus, failureStatus, type RemoteStatus } from "#rpc/remote-command/remote-status.ts";
import type { RemoteStreams, WantedStreams } from "#rpc/remote-command/streams.ts";
import { RpcError } from "#rpc/status.ts";
import { CollectedOutput, collectingDuplex, commandDuplex } from "./command-duplex.ts";
import type { CriDeps } from "./cri-deps.ts";
import type { Answers } from "./methods.ts";

type StreamMethods = "execSync" | "exec" | "attach" | "portForward";

const deadlineExceeded = 4;
/** Of each stream of an ExecSync: its answer has to fit into a message. */
const maxOutputBytes = 7 << 20;

/** @see kubernetes/cri-api, runtime.v1 RuntimeService */
export function streamMethods(deps: CriDeps): Pick<Answers<typeof runtimeService>, StreamMethods> {
  const { pods, streams } = deps;
  const running = (ref: string) => {
    const record = pods.getContainer(ref);
    if (record.state.status !== "running")
      throw new Fault("conflict", `container is in ${record.state.status.toUpperCase()} state`);
    return record;
  };
  return {
    execSync: ({ containerId, cmd, timeout }, { signal }) =>
      execSync(deps, running(containerId).id, cmd, timeout, signal),
    exec: async ({ containerId, cmd, ...wanted }) => {
      const { id } = running(containerId);
      checkStreams(wanted);
      const url = await streams.offer("exec", async (upgrade, over) => {
        const client = await acceptCommand(upgrade, wanted);
        await client.finish(await runExec(deps, id, cmd, wanted, client, over));
      });
      return { url };
    },
    attach: async ({ containerId, ...asked }) => {
      const { id, config } = running(containerId);
      const wanted = { ...asked, tty: config.Tty };
      checkStreams(wanted);
      const url = await streams.offer("attach", async (upgrade, over) => {
        const client = await acceptCommand(upgrade, wanted);
        await client.finish(await runAttach(deps, id, wanted, client, over));
      });
      return { url };
    },
    portForward: async ({ podSandboxId, port }) => {
      const { id } = pods.sandboxes.getReady(podSandboxId);
      const url = await streams.offer("portforward", (upgrade, over) =>
        acceptPortForward(
          upgrade,
          portsOf(port, upgrade.request.url),
          (number) => pods.sandboxes.forward(id, number),
          over,
        ),
      );
      return { url };
    },
  };
}

/** @throws {Fault} `invalid` with the texts of Kubernetes */
function checkStreams({ stdin, stdout, stderr, tty }: WantedStreams): void {
  if (tty && stderr) throw new Fault("invalid", "tty and stderr cannot both be true");
  if (!stdin && !stdout && !stderr) throw new Fault("invalid", "one of stdin, stdout, or stderr must be set");
}

function portsOf(asked: readonly number[], url: string | undefined): readonly number[] {
  if (asked.length > 0) return asked;
  const { searchParams } = new URL(url ?? "/", "http://localhost");
  return ["port", "ports"]
    .flatMap((name) => searchParams.getAll(name))
    .flatMap((text) => text.split(","))
    .map(Number)
    .filter((port) => Number.isInteger(port) && port > 0 && port <= 65535);
}

async function execSync(
  { pods }: CriDeps,
  id: string,
  cmd: readonly string[],
  timeoutS: number,
  gone: AbortSignal,
) {
  const [stdout, stderr] = [new CollectedOutput(maxOutputBytes), new CollectedOutput(maxOutputBytes)];
  const limit = timeoutS > 0 ? AbortSignal.timeout(timeoutS * 1000) : undefined;
  const signal = limit === undefined ? gone : AbortSignal.any([gone, limit]);
  const config = { Cmd: cmd, AttachStdout: true, AttachStderr: true };
  const exitCode = await explained(
    pods.containers.runExec(id, config, collectingDuplex(stdout, stderr), signal),
  );
  if (limit?.aborted === true)
    throw new RpcError({
      code: deadlineExceeded,
      message: `failed to exec in container: timeout ${timeoutS}s exceeded: context deadline exceeded`,
      details: [],
    });
  return { stdout: stdout.bytes, stderr: stderr.bytes, exitCode };
}

async function explained(run: Promise<number>): Promise<number> {
  try {
    return await run;
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Fault(error.kind, `failed to exec in container: ${error.message}`, { cause: error });
  }
}

/** Killed when its client leaves, as nobody will ever end it. */
async function runExec(
  { pods }: CriDeps,
  id: string,
  cmd: readonly string[],
  wanted: WantedStreams,
  client: RemoteStreams,
  over: AbortSignal,
): Promise<RemoteStatus> {
  const config: ExecConfig = {
    Cmd: cmd,
    Tty: wanted.tty,
    AttachStdin: wanted.stdin,
    AttachStdout: wanted.stdout,
    AttachStderr: wanted.stderr && !wanted.tty,
  };
  const signal = AbortSignal.any([client.signal, over]);
  const duplex = commandDuplex(client, wanted.tty);
  try {
    return exitStatus(await explained(pods.containers.runExec(id, config, duplex, signal, client.sizes)));
  } catch (error) {
    return failureStatus(`error executing command in container: ${messageOf(error)}`);
  } finally {
    duplex.destroy();
  }
}

async function runAttach(
  { pods, log }: CriDeps,
  id: string,
  wanted: WantedStreams,
  client: RemoteStreams,
  over: AbortSignal,
): Promise<RemoteStatus> {
  const { stdin, stdout, stderr, tty } = wanted;
  const attachment = await pods.containers.attach(id, {
    stdin,
    stdout,
    stderr: stderr || tty,
    logs: false,
    stream: true,
  });
  const duplex = commandDuplex(client, tty);
  over.addEventListener("abort", () => duplex.destroy(), { once: true });
  void followSizes();
  await attachment.connect(duplex);
  duplex.destroy();
  return exitStatus(0);

  async function followSizes(): Promise<void> {
    try {
      for await (const size of client.sizes ?? []) await pods.containers.resize(id, size);
    } catch (error) {
      log.debug("terminal was not resized", { container: id, error });
    }
  }
}
