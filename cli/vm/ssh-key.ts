import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { runProgram } from "../bootstrap/run-program.ts";

/** Where the key is that machines of an instance let in, and what is known of theirs. */
export interface SshFiles {
  readonly key: string;
  readonly knownHosts: string;
}

export function sshFilesOf(root: string): SshFiles {
  const folder = join(root, "hypervisor/ssh");
  return { key: join(folder, "id_ed25519"), knownHosts: join(folder, "known_hosts") };
}

/** The public half of the instance's key, which is made when there is none. @throws {Fault} `precondition` without ssh-keygen */
export async function ownPublicKey(root: string, signal: AbortSignal): Promise<string> {
  const { key } = sshFilesOf(root);
  if (!existsSync(key)) {
    mkdirSync(join(root, "hypervisor/ssh"), { recursive: true, mode: 0o700 });
    const comment = "gantry vm";
    await runProgram(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key], { signal });
  }
  return readPublicKey(`${key}.pub`);
}

/** @throws {Fault} `invalid` for a file that is no public key */
export function readPublicKey(path: string): string {
  const line = readFileSync(path, "utf8").trim();
  if (!/^(ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/=]+( [\x20-\x7e]*)?$/.test(line))
    throw new Fault("invalid", `${path} is no public key of OpenSSH`);
  return line;
}
