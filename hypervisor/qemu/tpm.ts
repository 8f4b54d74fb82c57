import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";

const startMs = 10_000;

/**
 * Starts the emulator of a machine's TPM, which ends with the machine's connection to it, and resolves to its socket.
 *
 * @throws {Fault} `precondition` when swtpm is not installed or does not start
 */
export async function startTpm(
  tpm: {
    readonly runFolder: string;
    readonly stateFolder: string;
    readonly uuid: string;
    readonly userId: number;
  },
  signal: AbortSignal,
): Promise<string> {
  const folder = join(tpm.runFolder, `${tpm.uuid}.tpm`);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  mkdirSync(tpm.stateFolder, { recursive: true, mode: 0o700 });
  for (const own of [folder, tpm.stateFolder]) chownSync(own, tpm.userId, tpm.userId);
  const socket = join(folder, "tpm.sock");
  const child = spawn(
    "swtpm",
    [
      "socket",
      "--tpm2",
      "--tpmstate",
      `dir=${tpm.stateFolder}`,
      "--ctrl",
      `type=unixio,path=${socket}`,
      "--terminate",
      "--daemon",
    ],
    { stdio: ["ignore", "ignore", "pipe"], signal, timeout: startMs },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text.slice(0, 1000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Fault("precondition", "swtpm is not installed", { cause: error })),
    );
    child.once("close", resolve);
  });
  if (code !== 0) throw new Fault("precondition", `the TPM does not start: ${errors.trim()}`);
  await untilExists(folder, socket, signal);
  return socket;
}

async function untilExists(folder: string, file: string, signal: AbortSignal): Promise<void> {
  const watcher = watch(folder, { signal });
  try {
    if (existsSync(file)) return;
    await new Promise<void>((resolve, reject) => {
      watcher.on("change", () => {
        if (existsSync(file)) resolve();
      });
      watcher.on("error", reject);
      watcher.on("close", () => reject(new Fault("precondition", "the TPM does not start")));
    });
  } finally {
    watcher.close();
  }
}
