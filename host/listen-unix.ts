import { lstat, rename, unlink } from "node:fs/promises";
import type { Server } from "node:net";
import { untilListening } from "./listen-tcp.ts";

/**
 * Makes the server listen on a unix socket whose mode is what `umask` leaves of it. One that a dead daemon left is replaced in one
 * step, so clients never find none. Returns what removes it, unless another daemon has taken the name by then.
 *
 * @param prepare what is done with the socket's file before clients can find it
 */
export async function listenOnUnix(
  server: Server,
  path: string,
  umask: number,
  prepare: (file: string) => Promise<void> = () => Promise.resolve(),
): Promise<() => Promise<void>> {
  // Closing removes whatever has the name that was bound, so that is not the name which another daemon may take.
  const fresh = `${path}.new`;
  await unlink(fresh).catch(() => {}); // left by a daemon that was killed right here
  const listening = untilListening(server);
  // The call binds before it returns, so the socket never has a mode that lets others in.
  const mask = process.umask(umask);
  server.listen(fresh);
  process.umask(mask);
  await listening;
  try {
    await prepare(fresh);
    await rename(fresh, path);
  } catch (error) {
    server.close();
    throw error;
  }
  const { ino } = await lstat(path);
  return async () => {
    const now = await lstat(path).catch(() => undefined);
    if (now?.ino === ino) await unlink(path).catch(() => {});
  };
}
