import type { HealthConfig } from "../docker-extensions.ts";
import type { Lines } from "./source.ts";
import type { Heredoc } from "./split.ts";

/** What runs, or is to run: words for execve, or a text for the image's shell. */
export type Command =
  | { readonly form: "exec"; readonly words: readonly string[] }
  | { readonly form: "shell"; readonly text: string };

/** A file that stands in the Dockerfile itself. */
export type InlineFile = Heredoc;

/** @see Dockerfile reference, "RUN --mount" */
export interface RunMount {
  readonly type: "bind" | "cache" | "tmpfs" | "secret" | "ssh";
  readonly target?: string;
  readonly source?: string;
  readonly from?: string;
  readonly isReadOnly?: boolean;
  readonly id?: string;
  readonly sharing?: "shared" | "private" | "locked";
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly isRequired?: boolean;
  /** Bytes. */
  readonly size?: number;
  /** Variable that gets the secret. */
  readonly env?: string;
}

interface Base {
  /** As it stands in the file, for progress and errors. */
  readonly text: string;
  readonly lines: Lines;
}

export interface CopyFlags {
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly isLink: boolean;
  /** Keeps the folders of the sources' paths. */
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** ADD only. */
  readonly checksum?: string;
  readonly keepsGitDir: boolean;
  readonly unpack?: boolean;
}

/** Texts are as written: variables are put in when the instruction runs. */
export type Instruction = Base &
  (
    | { readonly kind: "arg"; readonly args: readonly { readonly name: string; readonly value?: string }[] }
    | { readonly kind: "env" | "label"; readonly pairs: readonly (readonly [name: string, value: string])[] }
    | {
        readonly kind: "copy" | "add";
        readonly sources: readonly string[];
        readonly inline: readonly InlineFile[];
        readonly destination: string;
        readonly flags: CopyFlags;
      }
    | {
        readonly kind: "run";
        readonly command: Command;
        readonly inline: readonly InlineFile[];
        readonly mounts: readonly string[];
        readonly network?: string;
        readonly security?: string;
      }
    | { readonly kind: "cmd" | "entrypoint"; readonly command: Command }
    | { readonly kind: "expose" | "volume"; readonly words: readonly string[]; readonly isList: boolean }
    | { readonly kind: "user" | "workdir" | "stopsignal" | "maintainer"; readonly value: string }
    | { readonly kind: "shell"; readonly words: readonly string[] }
    | { readonly kind: "healthcheck"; readonly check: HealthConfig }
    | { readonly kind: "onbuild"; readonly trigger: string }
  );

export type InstructionOf<Kind extends Instruction["kind"]> = Instruction extends infer Each
  ? Each extends { readonly kind: infer Own }
    ? Kind extends Own
      ? Each
      : never
    : never
  : never;

export interface From {
  readonly text: string;
  readonly lines: Lines;
  readonly image: string;
  readonly platform?: string;
  /** In lower case. */
  readonly name?: string;
}

export interface Stage {
  readonly index: number;
  readonly from: From;
  readonly instructions: readonly Instruction[];
}
