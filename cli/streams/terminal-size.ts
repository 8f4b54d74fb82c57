import type { TerminalSize } from "#client/container-calls.ts";
import { isTerminalDevice } from "../output/terminal.ts";

/** The size of the terminal that output goes to, undefined when it is none. */
export async function terminalSize(): Promise<TerminalSize | undefined> {
  if (!isTerminalDevice(1)) return undefined;
  const { stdout } = await import("node:process");
  const [columns, rows] = stdout.getWindowSize();
  return { rows, columns };
}

const retryMs = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];

/**
 * Tells a container's terminal how large ours is, now and whenever that changes. The process may not be there yet: asks again a
 * few times. Stops when disposed of.
 */
export async function followSize(resize: (size: TerminalSize) => Promise<void>): Promise<Disposable> {
  const { stdout } = await import("node:process");
  const tell = async () => {
    const size = await terminalSize();
    if (size !== undefined) await resize(size);
  };
  const onResize = () => void tell().catch(() => {});
  stdout.on("resize", onResize);
  void tellAtFirst(tell);
  return {
    [Symbol.dispose]() {
      stdout.off("resize", onResize);
    },
  };
}

async function tellAtFirst(tell: () => Promise<void>): Promise<void> {
  for (const wait of retryMs) {
    try {
      return await tell();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
