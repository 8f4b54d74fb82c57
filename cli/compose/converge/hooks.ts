import { Fault } from "#base/fault.ts";
import { demultiplex } from "#client/streams.ts";
import type { Hook } from "../model.ts";
import type { Session } from "../session.ts";
import type { Observed } from "./observe.ts";

/**
 * Runs a lifecycle hook in a container and resolves when it has ended; its output is told to `onOutput`.
 *
 * @throws {Fault} `conflict` when it ends with another code than 0
 */
export async function runHook(
  { client, signal }: Session,
  { id, service }: Pick<Observed, "id" | "service">,
  hook: Hook,
  onOutput: (bytes: Uint8Array) => void = () => {},
): Promise<void> {
  const exec = await client.createExec(
    id,
    {
      Cmd: [...hook.command],
      AttachStdout: true,
      AttachStderr: true,
      User: hook.user ?? "",
      Privileged: hook.privileged ?? false,
      WorkingDir: hook.working_dir ?? "",
      Env: [...(hook.environment ?? [])].map(([name, value]) => `${name}=${value}`),
    },
    signal,
  );
  const connection = await client.startExec(exec, { Tty: false }, signal);
  connection.closeWrite();
  for await (const { bytes } of demultiplex(connection.incoming)) onOutput(bytes);
  const { ExitCode } = await client.inspectExec(exec, signal);
  if (ExitCode !== 0) throw new Fault("conflict", `${service} hook exited with status ${ExitCode}`);
}
