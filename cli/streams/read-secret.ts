import type { Terminal } from "../output/terminal.ts";

const enter = 13;
const newLine = 10;
const interrupt = 3;
const erase = new Set([8, 127]);

/** Asks for a password on a terminal without showing it. */
export async function readSecret(out: Terminal): Promise<string> {
  const { stdin } = await import("node:process");
  out.write("Password: ");
  stdin.setRawMode(true);
  const bytes: number[] = [];
  try {
    for await (const chunk of stdin as AsyncIterable<Uint8Array>)
      for (const byte of chunk) {
        if (byte === enter || byte === newLine) return Buffer.from(bytes).toString();
        if (byte === interrupt) process.exit(130);
        if (erase.has(byte)) bytes.pop();
        else bytes.push(byte);
      }
    return Buffer.from(bytes).toString();
  } finally {
    stdin.setRawMode(false);
    stdin.destroy();
    out.write("\n");
  }
}
