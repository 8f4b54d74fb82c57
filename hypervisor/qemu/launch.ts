import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import { processEnd } from "#host/process-end.ts";
import { Machine, machinePid } from "./machine.ts";
import type { MachineCgroups } from "./machine-cgroups.ts";
import type { MachineSockets, MachineSpec } from "./machine-spec.ts";
import { type Accelerator, planArgv } from "./plan-argv.ts";

export interface LaunchDeps {
  /** One folder for each machine, with its sockets; gone after a reboot. */
  readonly runFolder: string;
  /** With the files of all disks: QEMU reaches them relative to it, whoever it runs as. */
  readonly diskFolder: string;
  readonly accelerator: Accelerator;
  readonly cgroups: MachineCgroups;
}

const startMs = 60_000;
const longestSocketPath = 107;

export function socketsOf(runFolder: string, uuid: string): MachineSockets {
  const folder = join(runFolder, uuid);
  return {
    qmp: join(folder, "qmp.sock"),
    agent: join(folder, "agent.sock"),
    vnc: join(folder, "vnc.sock"),
    serial: join(folder, "serial.sock"),
  };
}

/**
 * Starts a machine. It lives on without us; {@link findMachine} finds it again.
 *
 * @throws {Fault} `precondition` with what QEMU says when it does not start; nothing runs then
 */
export async function launchMachine(
  deps: LaunchDeps,
  spec: MachineSpec,
  signal: AbortSignal,
): Promise<Machine> {
  const folder = join(deps.runFolder, spec.uuid);
  if (spec.sockets.serial.length > longestSocketPath)
    throw new Fault("precondition", `the path ${spec.sockets.serial} is too long for a socket`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pidFile = pidFileOf(deps.runFolder, spec.uuid);
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(startMs)]);
  try {
    const joins = [pidFile, ...deps.cgroups.create(spec)];
    const argv = ["qemu-system-x86_64", ...planArgv(spec, deps.accelerator)];
    const child = await spawnQemu(joined(joins, argv), deps.diskFolder, spec.sockets.qmp, folder);
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => {});
    const tellWhy = () => over.reject(new Fault("precondition", complaintOf(folder)));
    child.once("exit", tellWhy);
    child.once("error", (error) => over.reject(error));
    child.unref();
    try {
      const attached = Machine.attach({ uuid: spec.uuid, socket: spec.sockets.qmp, pidFile }, timeout);
      const machine = await Promise.race([attached, over.promise]);
      // From here on its end is told by its monitor, and its folder goes with it.
      child.off("exit", tellWhy);
      return machine;
    } catch (error) {
      child.ref(); // a hypervisor that is stopping has nothing else to wait for
      child.kill("SIGKILL");
      // When it has ended, it says why better than its monitor.
      throw await over.promise.catch((reason: unknown) => (isComplaint(reason) ? reason : error));
    }
  } catch (error) {
    await deps.cgroups.remove(spec.uuid);
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The machine, if it runs. */
export async function findMachine(
  runFolder: string,
  uuid: string,
  signal: AbortSignal,
): Promise<Machine | undefined> {
  const { qmp } = socketsOf(runFolder, uuid);
  try {
    return await Machine.attach({ uuid, socket: qmp, pidFile: pidFileOf(runFolder, uuid) }, signal);
  } catch {
    return undefined;
  }
}

/** Removes what a machine that has ended, or that nobody can talk to any more, leaves behind. */
export async function forgetMachine(
  { runFolder, cgroups }: Pick<LaunchDeps, "runFolder" | "cgroups">,
  uuid: string,
): Promise<void> {
  await cgroups.remove(uuid);
  rmSync(join(runFolder, uuid), { recursive: true, force: true });
}

/** Ends a machine whose monitor does not answer: two QEMUs must never have the same disks. */
export async function endUnreachable(
  deps: Pick<LaunchDeps, "runFolder" | "cgroups">,
  uuid: string,
): Promise<void> {
  const pid = machinePid(pidFileOf(deps.runFolder, uuid), uuid);
  if (pid !== undefined) {
    process.kill(pid, "SIGKILL");
    await processEnd(pid);
  }
  await forgetMachine(deps, uuid);
}

/** What runs the command as a process that has written its pid into files first: nobody dies between the two. */
function joined(files: readonly string[], argv: readonly string[]): readonly string[] {
  const script = 'while [ "$1" != -- ]; do echo $$ >"$1" || exit; shift; done; shift; exec "$@"';
  return ["-c", script, "sh", ...files, "--", ...argv];
}

function pidFileOf(runFolder: string, uuid: string): string {
  return join(runFolder, uuid, "pid");
}

/** Its monitor listens before it runs: whoever connects waits until QEMU answers. */
async function spawnQemu(
  argv: readonly string[],
  cwd: string,
  socket: string,
  folder: string,
): Promise<ChildProcess> {
  const server = createServer();
  // Closing it removes the file that it has made; the one that stays has another name by then.
  server.listen(`${socket}.new`);
  await once(server, "listening");
  renameSync(`${socket}.new`, socket);
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const errors = openSync(join(folder, "log"), "w", 0o600);
  try {
    return spawn("/bin/sh", [...argv], {
      cwd,
      detached: true,
      stdio: ["ignore", "ignore", errors, fd],
    });
  } finally {
    closeSync(errors);
    server.close();
  }
}

function complaintOf(folder: string): string {
  const text = readFileSync(join(folder, "log"), "utf8").trim();
  if (/qemu-system-x86_64: not found/.test(text)) return "qemu-system-x86_64 is not installed";
  const lines = text.split("\n").map((line) => line.replace(/^.*?qemu-system-x86_64: /, ""));
  return text === "" ? "QEMU has ended without a word" : lines.join("; ").slice(0, 2000);
}

function isComplaint(reason: unknown): boolean {
  return isFault(reason, "precondition") && reason.message !== "QEMU has ended without a word";
}
