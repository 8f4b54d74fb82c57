import net from "node:net";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import { listenOnUnix } from "#host/listen-unix.ts";
import type { Methods } from "#rpc/methods.ts";

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

  const remove = await listenOnUnix(server, path, 0o177);
  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      over.abort();
      await Promise.allSettled(running);
      await remove();
    },
  };
}
