import { parentPort } from "node:worker_threads";
import { matchesHash } from "#host/crypt.ts";

export interface PasswordQuestion {
  readonly serial: number;
  readonly password: string;
  readonly hash: string;
}

export interface PasswordVerdict {
  readonly serial: number;
  readonly isRight: boolean;
}

parentPort?.on("message", ({ serial, password, hash }: PasswordQuestion) => {
  const verdict: PasswordVerdict = { serial, isRight: matchesHash(password, hash) };
  parentPort?.postMessage(verdict);
});
