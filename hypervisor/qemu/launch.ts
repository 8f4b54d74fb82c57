import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { Machine } from "./machine.ts";
import type { MachineSockets, MachineSpec } from "./machine-spec.ts";
import { type Accelerator, planArgv } from "./plan-argv.ts";

export interface LaunchDeps {
  /** One folder for each machine, with its sockets; gone after a reboot. */
  readonly runFolder: string;
  /** With the files of all disks: QEMU reaches them relative to it, whoever it runs as. */
  readonly diskFolder: string;
  readonly accelerator: Accelerator;
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
  const argv = [...planArgv(spec, deps.accelerator), "-daemonize", "-pidfile", pidFile];
  try {
    // It returns when the machine's sockets are there, or with the reason why it cannot start.
    await runQemu(argv, deps.diskFolder, signal);
    return await Machine.attach({ uuid: spec.uuid, socket: spec.sockets.qmp, pidFile }, signal);
  } catch (error) {
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

/** Removes what a machine that has ended leaves behind. */
export function forgetMachine(runFolder: string, uuid: string): void {
  rmSync(join(runFolder, uuid), { recursive: true, force: true });
}

function pidFileOf(runFolder: string, uuid: string): string {
  return join(runFolder, uuid, "pid");
}

async function runQemu(argv: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile(
      "qemu-system-x86_64",
      [...argv],
      { cwd, signal, timeout: startMs, encoding: "utf8" },
      (error, _stdout, stderr) => {
        if (error === null) return resolve();
        if (error.name === "AbortError") return reject(error);
        if ("code" in error && error.code === "ENOENT")
          return reject(new Fault("precondition", "qemu-system-x86_64 is not installed"));
        const text = stderr.trim().replaceAll(/^\S+ qemu-system-x86_64: /gm, "");
        return reject(new Fault("precondition", text === "" ? error.message : text, { cause: error }));
      },
    );
  });
}
