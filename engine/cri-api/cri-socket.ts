import { lstat, rename, unlink } from "node:fs/promises";
import net from "node:net";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { untilListening } from "#host/listen-tcp.ts";
import type { Methods } from "#rpc/grpc-server.ts";

/**
 * Serves the CRI on a unix socket that only root may open. `methods` are asked for with the first connection. Disposing of it ends
 * calls under way.
 */
export async function serveCri(
  path: string,
  methods: () => Promise<Methods>,
  log: Log,
): Promise<AsyncDisposable> {
  const over = new AbortController();
  const running = new Set<Promise<void>>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {}); // `close` follows
    const work = serve(socket);
    running.add(work);
    void work.then(() => running.delete(work));
  });

  async function serve(socket: net.Socket): Promise<void> {
    try {
      const [known, { serveGrpc }] = await Promise.all([methods(), import("#rpc/grpc-server.ts")]);
      socket.resume();
      // How a client leaves is its own business.
      await serveGrpc(socket, known, over.signal).catch(() => {});
    } catch (error) {
      log.error("pods cannot be taken over", { error: messageOf(error) });
    }
    socket.destroy();
  }

  // Closing removes whatever has the name that was bound, so that is not the name which another daemon may take.
  const fresh = `${path}.new`;
  await unlink(fresh).catch(() => {}); // left by a daemon that was killed right here
  const listening = untilListening(server);
  const mask = process.umask(0o177);
  server.listen(fresh);
  process.umask(mask);
  await listening;
  await rename(fresh, path);
  const { ino } = await lstat(path);
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      over.abort();
      await Promise.allSettled(running);
      const now = await lstat(path).catch(() => undefined);
      if (now?.ino === ino) await unlink(path).catch(() => {});
    },
  };
}
