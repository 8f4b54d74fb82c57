import { closeSync, openSync, statSync } from "node:fs";
import { CLONE, setns } from "#host/sys.ts";

/**
 * Lets one thread open sockets in network namespaces other than its own. A socket belongs to the namespace that its thread is
 * in when the kernel makes it, which for node is some turns after it was asked for; so whatever makes sockets on this thread
 * goes through here, one at a time, until its sockets are there. The thread is back at home between any two.
 */
export class NamespaceGate implements Disposable {
  readonly #home: number;
  #tail: Promise<unknown> = Promise.resolve();

  constructor() {
    statSync("/"); // nothing here may be the first to need another thread: it would stay in the wrong namespace
    this.#home = openSync("/proc/thread-self/ns/net", "r");
  }

  /** Runs `work` in the namespace at the path, or at home. */
  within<T>(path: string | undefined, work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(() => (path === undefined ? work() : this.#visit(path, work)));
    this.#tail = result.catch(() => {});
    return result;
  }

  [Symbol.dispose](): void {
    closeSync(this.#home);
  }

  async #visit<T>(path: string, work: () => Promise<T>): Promise<T> {
    const away = openSync(path, "r");
    try {
      setns(away, CLONE.NEWNET);
      return await work();
    } finally {
      setns(this.#home, CLONE.NEWNET);
      closeSync(away);
    }
  }
}
