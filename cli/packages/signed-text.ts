import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isFault, messageOf } from "#base/fault.ts";
import { runProgram } from "../bootstrap/run-program.ts";

/** What a signed text says, or why it is not believed. */
export type SignedText =
  | { readonly isVerified: true; readonly text: string }
  | { readonly isVerified: false; readonly reason: string };

/** Verifies a clear-signed text with the keys of a keyring. What stands around the signed part is left out. */
export async function verifySignedText(
  signed: Uint8Array,
  keyrings: readonly string[],
  signal: AbortSignal,
): Promise<SignedText> {
  const keyring = keyrings.find(existsSync);
  if (keyring === undefined)
    return { isVerified: false, reason: `the signature is unverified: there is no ${keyrings.join(", ")}` };
  const folder = mkdtempSync(join(tmpdir(), "gantry-release-"));
  try {
    const [input, output] = [join(folder, "InRelease"), join(folder, "Release")];
    writeFileSync(input, signed);
    await runProgram(["gpgv", "--homedir", folder, "--keyring", keyring, "--output", output, input], {
      signal,
    });
    return { isVerified: true, text: readFileSync(output, "utf8") };
  } catch (error) {
    signal.throwIfAborted();
    if (isFault(error, "precondition"))
      return { isVerified: false, reason: "the signature is unverified: gpgv is not installed" };
    if (!isFault(error)) throw error;
    return { isVerified: false, reason: `the signature does not hold: ${messageOf(error)}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
