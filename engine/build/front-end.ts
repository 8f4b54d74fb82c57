import type { Instruction } from "#oci/dockerfile/instruction.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import type { Progress } from "#engine/images/images.ts";
import type { Platform } from "#oci/platform.ts";
import type { FolderNode } from "./files/tree.ts";

/** Where the progress of one step goes. */
export interface StepProgress {
  /** An earlier result is taken. */
  cached(): void;
  wrote(bytes: Buffer, isError: boolean): void;
  /** What a registry sends, where the step is an image that is not here. */
  pulling(progress: Progress): void;
  done(): void;
  failed(error: unknown): void;
}

/** What a name of `--build-context` stands for. */
export type NamedContext =
  | { readonly kind: "files"; readonly root: FolderNode }
  | {
      readonly kind: "image";
      readonly name: string;
      /** What progress calls it, where it is the base of a step like any other. */
      readonly shown?: string;
    };

/**
 * What BuildKit's clients have beyond the classic API: progress by step, secrets, ssh agents, named contexts, and a history that is
 * written in their way.
 */
export interface FrontEnd {
  /** A step that is about to run. @param name without the stage and the count in front */
  step(stage: StageTitle, name: string): StepProgress;
  /** Lines of the Dockerfile that an error comes from. */
  located(error: unknown, lines: Lines): void;
  /**
   * Undefined when the client has named none.
   *
   * @param platform that an image by this name is to have
   */
  context(
    name: string,
    platform: Platform | undefined,
    signal: AbortSignal,
  ): Promise<NamedContext | undefined>;
  /** Undefined when the client has none. */
  secret(id: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /**
   * Makes a socket that leads to the client's agent; undefined when it has none.
   *
   * @param path of the socket, to be made
   */
  agent(id: string, path: string, signal: AbortSignal): Promise<AsyncDisposable | undefined>;
  readonly hostname: string;
  /** What `--allow` gave. */
  readonly entitlements: readonly string[];
}

/** Of which a step's name shows the stage and the count. */
export interface StageTitle {
  readonly index: number;
  /** Empty when there is one stage only. */
  readonly name: string;
  readonly steps: number;
}

/** Whether an instruction is a step of its own in BuildKit's progress. */
export function isStep({ kind }: Instruction): boolean {
  return kind === "run" || kind === "copy" || kind === "add" || kind === "workdir";
}

/** How an image's history tells of its steps. */
export interface HistoryStyle {
  readonly comment?: string;
  config(classic: string): string;
  exec(classic: string): string;
  copy(classic: string, words: string): string;
}

export const classicHistory: HistoryStyle = {
  config: (classic) => classic,
  exec: (classic) => classic,
  copy: (classic) => classic,
};

export const buildkitHistory: HistoryStyle = {
  comment: "buildkit.dockerfile.v0",
  config: (classic) => buildkitText(classic.replace(/^\/bin\/sh -c #\(nop\)\s*/, "")),
  exec: (classic) => `RUN ${classic} # buildkit`,
  copy: (_classic, words) => `${words} # buildkit`,
};

function buildkitText(text: string): string {
  const [keyword = ""] = text.split(" ", 1);
  const rest = text.slice(keyword.length + 1);
  if (keyword === "EXPOSE") return `EXPOSE [${rest.split(" ").map(withProtocol).join(" ")}]`;
  if (keyword === "HEALTHCHECK") return `HEALTHCHECK ${healthText(rest)}`;
  return text;
}

function withProtocol(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

/** `&{["CMD-SHELL" "true"] "0s" "0s" "0s" "0s" '\x00'}` for `&{[CMD-SHELL true] 0s 0s 0s 0s 0}`. */
function healthText(classic: string): string {
  const [, words = "", times = "", retries = "0"] = /^&\{\[(.*)\] (.*) (\d+)\}$/su.exec(classic) ?? [];
  const [kind = "", ...test] = words.split(" ");
  const quoted = [kind, ...(test.length === 0 ? [] : [test.join(" ")])].map((word) => JSON.stringify(word));
  const number = Number(retries);
  const shown =
    number > 31 && number < 127 ? String.fromCodePoint(number) : `\\x${number.toString(16).padStart(2, "0")}`;
  return `&{[${quoted.join(" ")}] ${times
    .split(" ")
    .map((time) => JSON.stringify(time))
    .join(" ")} '${shown}'}`;
}
