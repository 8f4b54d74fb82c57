import { readFileSync, readlinkSync } from "node:fs";
import { chown, lstat, readFile } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { Fault } from "#base/fault.ts";
import { formatListenAddress, type ListenAddress } from "#base/listen-address.ts";
import { untilListening } from "#host/listen-tcp.ts";
import { listenOnUnix } from "#host/listen-unix.ts";

const CONNECT_TIMEOUT_MS = 2000;

/**
 * Makes the server listen on a unix socket that only root and the group `docker`, where there is one, may open. A socket that
 * a dead daemon left is replaced in one step, so clients never find none. Returns what closes and removes it.
 *
 * @throws {Fault} `conflict` when another process answers on it, or something else than a socket has the name
 */
export async function listenOnSocket(server: Server, path: string): Promise<() => Promise<void>> {
  if (await isAnswered(path))
    throw new Fault("conflict", `${path} is in use by another daemon: stop it or choose another socket`);
  const group = await groupId("docker");
  return await listenOnUnix(server, path, 0o117, (file) => chown(file, process.getuid?.() ?? 0, group));
}

/** Makes the server take connections from a socket that somebody else has bound, and that is not ours to remove. */
export async function listenOnDescriptor(server: Server, descriptor: number): Promise<void> {
  const listening = untilListening(server);
  server.listen({ fd: descriptor });
  await listening;
}

/** Whether a descriptor of this process is one, and not a socket that other machines reach. */
export function isUnixSocket(descriptor: number): boolean {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1];
  if (inode === undefined) throw new Fault("invalid", `fd://${descriptor} is not a socket`);
  return new RegExp(`^(?:\\S+ +){6}${inode}(?: |$)`, "m").test(readFileSync("/proc/net/unix", "utf8"));
}

export function plaintextRefusal(address: ListenAddress): Fault {
  const shown = formatListenAddress(address);
  return new Fault(
    "invalid",
    `${shown} would give root on this machine to everyone who can reach it: use --tlsverify with certificates, or --insecure-tcp if that is what you want`,
  );
}

async function isAnswered(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (!found.isSocket()) throw new Fault("conflict", `${path} exists and is not a socket`);
  return new Promise((resolve) => {
    const probe = connect(path);
    const settle = (isAnswering: boolean) => {
      probe.destroy();
      resolve(isAnswering);
    };
    probe.setTimeout(CONNECT_TIMEOUT_MS, () => settle(true)); // accepted by the kernel, so somebody listens
    probe.once("connect", () => settle(true));
    probe.once("error", () => settle(false));
  });
}

/** The caller's own group when there is none of that name, or it may not be given away. */
async function groupId(name: string): Promise<number> {
  const own = process.getgid?.() ?? 0;
  if (process.getuid?.() !== 0) return own;
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const id = new RegExp(`^${name}:[^:]*:(\\d+):`, "m").exec(groups)?.[1];
  return id === undefined ? own : Number(id);
}
