import { Worker } from "node:worker_threads";
import type { PasswordQuestion, PasswordVerdict } from "./password-worker.ts";
import { refusal } from "./refusal.ts";

/** Each takes milliseconds, or as long as who made the hash wanted. Who guesses shall not keep others waiting for long. */
const MAX_WAITING = 32;
const MAX_WAITING_OF_ONE = 4;
const MEMORY_MAX_MB = 16;

/**
 * A thread that tries passwords, as that is made to take long. It starts with the first one, and takes so few at once that who tries
 * many does not keep a processor busy for minutes.
 */
export class PasswordThread implements AsyncDisposable {
  readonly #waiting = new Map<
    number,
    { readonly from: string; readonly resolve: (isRight: boolean) => void }
  >();
  #worker: Worker | undefined;
  #serial = 0;

  /** @throws {Fault} `TOOMANYREQUESTS` when too many wait, or too many of those that are `from` one place */
  async matches(password: string, hash: string, from: string): Promise<boolean> {
    const ofOne = Array.from(this.#waiting.values()).filter((one) => one.from === from).length;
    if (this.#waiting.size >= MAX_WAITING || ofOne >= MAX_WAITING_OF_ONE)
      throw refusal("TOOMANYREQUESTS", "too many passwords to try: later");
    const question: PasswordQuestion = { serial: ++this.#serial, password, hash };
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.set(question.serial, { from, resolve });
    this.#worker ??= this.#start();
    this.#worker.postMessage(question);
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
    this.#refuseAll();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./password-worker.ts", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MAX_MB },
    });
    worker.unref();
    worker.on("message", ({ serial, isRight }: PasswordVerdict) => {
      this.#waiting.get(serial)?.resolve(isRight);
      this.#waiting.delete(serial);
    });
    const onEnd = () => {
      this.#worker = undefined;
      this.#refuseAll();
    };
    worker.once("error", onEnd);
    worker.once("exit", onEnd);
    return worker;
  }

  #refuseAll(): void {
    for (const { resolve } of this.#waiting.values()) resolve(false);
    this.#waiting.clear();
  }
}
