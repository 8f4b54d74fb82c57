import { isTerminalDevice } from "../output/terminal.ts";

/** Who types: our standard input, raw while a terminal is joined with another one. */
export interface Typist extends AsyncDisposable {
  readonly input: AsyncIterable<Uint8Array>;
}

/** @param isRaw whether a terminal is handed through key by key */
export async function openTypist(isRaw: boolean): Promise<Typist> {
  const { stdin } = await import("node:process");
  const isJoined = isRaw && isTerminalDevice(0) && !stdin.isRaw;
  if (isJoined) {
    stdin.setRawMode(true);
    // Raw mode of the run-time still turns \n into \r\n on the way out; the other terminal has done that already.
    await setOutputProcessing("-opost");
  }
  return {
    input: stdin as AsyncIterable<Uint8Array>,
    async [Symbol.asyncDispose]() {
      if (isJoined) {
        await setOutputProcessing("opost");
        stdin.setRawMode(false);
      }
      stdin.pause();
      stdin.destroy();
    },
  };
}

/** Where there is no stty, lines end with one carriage return more, which nobody sees. */
async function setOutputProcessing(mode: "opost" | "-opost"): Promise<void> {
  const { spawnSync } = await import("node:child_process");
  spawnSync("stty", [mode], { stdio: ["inherit", "ignore", "ignore"] });
}
