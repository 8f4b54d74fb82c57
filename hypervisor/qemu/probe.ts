import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import type { Accelerator } from "./plan-argv.ts";

const probeMs = 10_000;

/**
 * What machines run with: KVM if a guest gets through its firmware with it, which a `/dev/kvm` that opens does not promise;
 * otherwise QEMU's own translator.
 */
export async function probeAccelerator(signal: AbortSignal): Promise<Accelerator> {
  return existsSync("/dev/kvm") && (await bootsWithKvm(signal)) ? "kvm" : "tcg";
}

/** SeaBIOS finds nothing to boot and reboots once: with `-no-reboot` QEMU ends by itself, if KVM runs code at all. */
async function bootsWithKvm(signal: AbortSignal): Promise<boolean> {
  const machine = ["-machine", "pc", "-accel", "kvm", "-cpu", "host", "-m", "64"];
  const silent = ["-nodefaults", "-display", "none", "-no-user-config", "-no-reboot"];
  const boot = ["-boot", "reboot-timeout=1"];
  return await new Promise((resolve) => {
    execFile(
      "qemu-system-x86_64",
      [...machine, ...silent, ...boot],
      { signal, timeout: probeMs },
      (error) => {
        resolve(error === null);
      },
    );
  });
}
