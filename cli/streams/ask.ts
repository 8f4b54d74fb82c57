import { readSync } from "node:fs";
import type { Context } from "../context.ts";
import { Exit } from "../failure.ts";

/** Asks before something that cannot be undone. @throws {Exit} 130 where Ctrl-C answers, as Docker's tools do */
export async function confirm({ out, signal }: Context, question: string): Promise<boolean> {
  out.write(`${question} [y/N] `);
  const answer = readLine();
  if (signal.aborted) throw new Exit(130);
  return (answer ?? "").trim().toLowerCase() === "y";
}

/** A line of standard input, undefined at its end. Byte by byte, so that nothing of the next line is taken. */
export function readLine(): string | undefined {
  const byte = Buffer.alloc(1);
  const bytes: number[] = [];
  for (;;) {
    let count = 0;
    try {
      count = readSync(0, byte, 0, 1, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") continue;
      return undefined;
    }
    if (count === 0) return bytes.length === 0 ? undefined : Buffer.from(bytes).toString();
    if (byte[0] === 10) return Buffer.from(bytes).toString();
    bytes.push(byte[0] ?? 0);
  }
}
