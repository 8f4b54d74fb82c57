import type { CheckFindings } from "#oci/dockerfile/check/findings.ts";
import { type CheckRule, rules } from "#oci/dockerfile/check/rules.ts";
import { expandHeredoc, expandWords } from "#oci/dockerfile/expand.ts";
import type { IgnoreRules } from "#oci/dockerfile/ignore.ts";
import type { Instruction, InstructionOf } from "#oci/dockerfile/instruction.ts";
import type { RawInstruction } from "#oci/dockerfile/split.ts";
import { findNearest } from "#oci/dockerfile/suggest.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import { applyConfig } from "../config-steps.ts";
import { isRemote } from "../remote/remote-sources.ts";
import { runMounts } from "../stage-plan.ts";
import { Variables } from "../variables.ts";

/** What a stage hands on to those that are built on it. */
export interface CheckedStage {
  readonly config: ImageRuntimeConfig;
  readonly variables: Variables;
  readonly hasWorkdir: boolean;
}

export interface StageChecksDeps {
  readonly findings: CheckFindings;
  /** Of the context; absent when there are none. */
  readonly ignore?: IgnoreRules;
  /** A stage's, with what it inherits. */
  readonly openVariables: (inherited: Variables | undefined, missed: (name: string) => void) => Variables;
}

/**
 * Goes through the instructions of one stage without doing anything, and finds what is wrong with them.
 *
 * @see Dockerfile reference, "Build checks"
 */
export class StageChecks {
  readonly #deps: StageChecksDeps;
  readonly #variables: Variables;
  readonly #missed = new Set<string>();
  readonly #once = new Map<string, Instruction>();
  /** What variables there were before the instruction. */
  #names: readonly string[] = [];
  #config: ImageRuntimeConfig;
  #hasWorkdir: boolean;

  constructor(
    deps: StageChecksDeps,
    base: Omit<CheckedStage, "variables"> & { readonly variables?: Variables },
  ) {
    this.#deps = deps;
    this.#config = base.config;
    this.#hasWorkdir = base.hasWorkdir;
    this.#variables = deps.openVariables(base.variables, (name) => this.#missed.add(name));
    this.#variables.setEnvironment(base.config.Env ?? []);
  }

  get result(): CheckedStage {
    return { config: this.#config, variables: this.#variables, hasWorkdir: this.#hasWorkdir };
  }

  /** @throws {Fault} `invalid` for what the build would fail with */
  run(instruction: Instruction, raw: RawInstruction): void {
    this.#names = this.#variables.names;
    switch (instruction.kind) {
      case "arg":
        return this.#arg(instruction);
      case "copy":
      case "add":
        return this.#copy(instruction);
      case "run":
        try {
          runMounts(instruction.mounts, (text) => this.#variables.expand(text));
        } finally {
          this.#tellMissed(instruction);
        }
        return;
      case "expose":
        return this.#expose(instruction);
      default:
        this.#configure(instruction, raw);
    }
  }

  #arg(instruction: InstructionOf<"arg">): void {
    for (const { name, value } of instruction.args) {
      this.#secret("ARG", name, instruction);
      const expanded = value === undefined ? undefined : this.#variables.expand(value);
      this.#tellMissed(instruction);
      this.#variables.declare(this.#variables.expand(name), expanded);
    }
  }

  #copy(instruction: InstructionOf<"copy">): void {
    const { kind, flags, sources, destination, inline } = instruction;
    const expand = (text: string) => this.#variables.expand(text);
    for (const flag of [flags.chown, flags.chmod, flags.checksum]) if (flag !== undefined) expand(flag);
    const paths = sources.map(expand);
    expand(destination);
    for (const { content, expands } of inline) if (expands) expandHeredoc(content, this.#variables.expansion);
    this.#tellMissed(instruction);
    if (flags.from !== undefined) return;
    for (const path of paths)
      if (!isRemote(path) && this.#deps.ignore?.ignores(path) === true)
        this.#add(
          rules.copyIgnoredFile,
          instruction,
          `Attempting to ${kind === "add" ? "Add" : "Copy"} file "${path}" that is excluded by .dockerignore`,
        );
  }

  #expose(instruction: InstructionOf<"expose">): void {
    for (const word of instruction.words.flatMap((each) => expandWords(each, this.#variables.expansion))) {
      const [port = "", protocol = ""] = word.split("/");
      if (protocol !== protocol.toLowerCase())
        this.#add(
          rules.exposeProtoCasing,
          instruction,
          `Defined protocol '${word}' in EXPOSE instruction should be lowercase`,
        );
      if (port.includes(":"))
        this.#add(
          rules.exposeInvalidFormat,
          instruction,
          `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`,
        );
    }
    this.#missed.clear();
    this.#apply(instruction);
    this.#missed.clear();
  }

  #configure(
    instruction: Exclude<Instruction, { readonly kind: "arg" | "copy" | "add" | "run" | "expose" }>,
    raw: RawInstruction,
  ): void {
    const { kind } = instruction;
    if (kind === "cmd" || kind === "entrypoint" || kind === "healthcheck") this.#checkOnce(instruction);
    if (kind === "cmd" || kind === "entrypoint") this.#checkForm(instruction);
    let path = "";
    try {
      if (kind === "workdir") path = this.#variables.expand(instruction.value);
      this.#apply(instruction);
    } finally {
      this.#tellMissed(instruction);
    }
    if (kind === "env" || kind === "label") this.#checkPairs(instruction, raw);
    if (kind === "workdir") this.#checkWorkdir(instruction, path);
  }

  #apply(instruction: Exclude<Instruction, { readonly kind: "arg" | "copy" | "add" | "run" }>): void {
    this.#config = applyConfig(this.#config, instruction, this.#variables, true).config;
    this.#variables.setEnvironment(this.#config.Env ?? []);
  }

  /** The last one counts: those before it are for nothing. */
  #checkOnce(instruction: Instruction): void {
    const before = this.#once.get(instruction.kind);
    this.#once.set(instruction.kind, instruction);
    if (before === undefined) return;
    this.#add(
      rules.multipleInstructionsDisallowed,
      before,
      `Multiple ${instruction.kind.toUpperCase()} instructions should not be used in the same stage because only the last one will be used`,
    );
  }

  #checkForm(instruction: InstructionOf<"cmd" | "entrypoint">): void {
    const { kind, command } = instruction;
    if (command.form === "exec" || this.#config.Shell !== undefined) return;
    this.#add(
      rules.jsonArgsRecommended,
      instruction,
      `JSON arguments recommended for ${kind.toUpperCase()} to prevent unintended behavior related to OS signals`,
    );
  }

  #checkPairs(instruction: InstructionOf<"env" | "label">, { rest, keyword }: RawInstruction): void {
    const [first = ""] = rest.split(/\s/, 1);
    if (!first.includes("="))
      this.#add(
        rules.legacyKeyValueFormat,
        instruction,
        `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
      );
    if (instruction.kind === "env")
      for (const [name] of instruction.pairs) this.#secret("ENV", name, instruction);
  }

  #checkWorkdir(instruction: Instruction, path: string): void {
    if (!this.#hasWorkdir && !path.startsWith("/"))
      this.#add(
        rules.workdirRelativePath,
        instruction,
        `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`,
      );
    this.#hasWorkdir = true;
  }

  #secret(keyword: string, name: string, instruction: Instruction): void {
    if (secretName.test(name) && !publicName.test(name))
      this.#add(
        rules.secretsUsedInArgOrEnv,
        instruction,
        `Do not use ARG or ENV instructions for sensitive data (${keyword} ${JSON.stringify(name)})`,
      );
  }

  #tellMissed(instruction: Instruction): void {
    for (const name of this.#missed) {
      const near = findNearest(name, this.#names);
      const meant = near === undefined ? "" : ` (did you mean $${near}?)`;
      this.#add(rules.undefinedVar, instruction, `Usage of undefined variable '$${name}'${meant}`);
    }
    this.#missed.clear();
  }

  #add(rule: CheckRule, { lines }: Instruction, detail: string): void {
    this.#deps.findings.add(rule, lines, detail);
  }
}

const secretName =
  /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const publicName = /(?:_|^)public(?:_|$)/i;
