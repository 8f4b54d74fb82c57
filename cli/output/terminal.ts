import { fstatSync, writeSync } from "node:fs";

/** A place to write text for people. Styles are codes on a terminal that wants them and nothing elsewhere. */
export interface Terminal {
  readonly isTerminal: boolean;
  write(text: string | Uint8Array): void;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
}

interface Stream {
  readonly isTTY?: boolean;
  write(text: string | Uint8Array): unknown;
}

/** @see https://no-color.org: a non-empty NO_COLOR switches colour off */
export function openTerminal(stream: Stream, env: Readonly<Record<string, string | undefined>>): Terminal {
  const style = (on: number, off: number) => (text: string) =>
    stream.isTTY === true && env["TERM"] !== "dumb" && (env["NO_COLOR"] ?? "") === ""
      ? `\u001b[${on}m${text}\u001b[${off}m`
      : text;
  return {
    get isTerminal() {
      return stream.isTTY === true;
    },
    write: (text) => void stream.write(text),
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
  };
}

/** Exit code of a program whose reader has left, as a shell shows it for SIGPIPE. */
const brokenPipe = 141;

/**
 * Standard output or error, written in order and at once: what was written is out when the process ends, and a slow reader slows
 * us down. Costs no module of the run-time until something is asked of a terminal. A reader that left ends the program.
 */
export function standardStream(fd: 1 | 2): Stream {
  let known: boolean | undefined;
  return {
    get isTTY() {
      known ??= isTerminalDevice(fd);
      return known;
    },
    write(text) {
      const bytes = typeof text === "string" ? Buffer.from(text) : text;
      let at = 0;
      while (at < bytes.length) at += writeSome(fd, bytes, at);
    },
  };
}

/** Whether a descriptor is a terminal. */
export function isTerminalDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(fd);
  } catch {
    return false;
  }
}

function writeSome(fd: number, bytes: Uint8Array, at: number): number {
  try {
    return writeSync(fd, bytes, at);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EPIPE") process.exit(brokenPipe);
    if (code !== "EAGAIN") throw error;
    // Somebody made the pipe non-blocking: nothing to wait on without the event loop but time.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    return 0;
  }
}
