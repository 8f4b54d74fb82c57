/** Who types: our standard input, raw while a terminal is joined with another one. */
export interface Typist extends AsyncDisposable {
  readonly input: AsyncIterable<Uint8Array>;
}

/** @param isRaw whether a terminal is handed through key by key */
export async function openTypist(isRaw: boolean): Promise<Typist> {
  const { stdin } = await import("node:process");
  const wasRaw = isRaw && stdin.isTTY && !stdin.isRaw;
  if (wasRaw) stdin.setRawMode(true);
  return {
    input: stdin as AsyncIterable<Uint8Array>,
    async [Symbol.asyncDispose]() {
      if (wasRaw) stdin.setRawMode(false);
      stdin.pause();
      stdin.destroy();
    },
  };
}
