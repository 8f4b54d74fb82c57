import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";

interface Question {
  readonly mark: string;
  readonly answer: (heard: string | undefined) => void;
}

/** For a child with no way to write files of its own: interactive nft keeps a history in $HOME. */
export const nftEnvironment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C", HOME: "/dev/null" };

/**
 * One interactive nft. It says nothing about a change that went well, so each is followed by a word that it cannot
 * understand: its complaint about that word comes on the same stream, after everything it had to say about the change.
 */
export class NftProcess {
  readonly #process: ChildProcess;
  #question: Question | undefined;
  readonly #mark = `?${randomUUID()}`;
  #heard = "";
  #serial = 0;
  #isDead = false;

  constructor(binary: string, onDeath: (why: Readonly<Record<string, unknown>>) => void) {
    this.#process = spawn(binary, ["-i"], { stdio: ["pipe", "ignore", "pipe"], env: nftEnvironment });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => this.#hear(text));
    this.#process.stdin?.on("error", () => {}); // it is dead: its end says so
    const end = (why: Readonly<Record<string, unknown>>) => {
      if (this.#isDead) return;
      this.#isDead = true;
      onDeath(why);
      this.#question?.answer(undefined);
    };
    this.#process.once("error", (error) => end({ error }));
    this.#process.once("close", (code, signal) => end({ code, signal }));
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** One question at a time. Resolves with what nft said about the line, nothing when all is well, or undefined when it died. */
  ask(line: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    if (this.#isDead) return Promise.resolve(undefined);
    const mark = `${this.#mark}-${++this.#serial}`;
    this.#heard = "";
    this.#question = { mark, answer: resolve };
    this.#process.stdin?.write(`${line}\n${mark}\n`);
    return promise;
  }

  /** Resolves when it is gone. */
  async end(): Promise<void> {
    if (this.#isDead) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#process.once("close", () => resolve());
    this.#process.stdin?.end();
    await promise;
  }

  #hear(text: string): void {
    if (this.#question === undefined) return;
    this.#heard += text;
    const at = this.#heard.indexOf(`\n${this.#question.mark}\n`);
    if (at === -1) return;
    // What is left in front is the complaint about the mark itself; `^` is the tail of the one before.
    const about = this.#heard.slice(0, Math.max(0, this.#heard.lastIndexOf("Error: ", at)));
    const { answer } = this.#question;
    this.#question = undefined;
    answer(about.replace(/^[\^~\s]+/, "").trim());
  }
}
