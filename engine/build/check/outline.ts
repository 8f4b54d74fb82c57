import { descriptionOf } from "#oci/dockerfile/check/definition.ts";
import type { CheckedSyntax } from "#oci/dockerfile/check/syntax-checks.ts";
import type { InstructionOf, RunMount, Stage } from "#oci/dockerfile/instruction.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import { expandWord } from "#oci/dockerfile/expand.ts";
import { globalArgs } from "../global-args.ts";
import { planStages, runMounts } from "../stage-plan.ts";
import { type BuildArgs, Variables } from "../variables.ts";

interface OutlineArg {
  readonly name: string;
  readonly description: string;
  readonly value: string;
  readonly lines: Lines;
}

interface OutlineMount {
  readonly name: string;
  readonly isRequired: boolean;
  readonly lines: Lines;
}

/** What can be given to a build. @see github.com/moby/buildkit, frontend/subrequests/outline */
export interface Outline {
  readonly name: string;
  readonly description: string;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly agents: readonly OutlineMount[];
}

interface Request {
  readonly args: BuildArgs;
  readonly target: string;
  readonly platforms: ReadonlyMap<string, string>;
}

/** Arguments, secrets and agents that a target asks for. @throws {Fault} `invalid` for a target that is not there */
export function outlineOf(syntax: CheckedSyntax, request: Request): Outline {
  const { dockerfile } = syntax;
  const global = globalArgs(dockerfile, request.platforms, request.args);
  const plan = planStages(dockerfile, request.target, (name) => global.get(name));
  const target = dockerfile.stages[plan.target] as Stage;
  const reader = new OutlineReader(syntax, request, global);
  const done = new Map<number, Variables>();
  for (const { stage, base } of plan.stages)
    done.set(stage.index, reader.read(stage, base === undefined ? undefined : done.get(base)));
  const { name = "" } = target.from;
  const raw = syntax.rawOf.get(target.from);
  return { name, description: raw === undefined ? "" : descriptionOf(raw, name), ...reader.result };
}

class OutlineReader {
  readonly #syntax: CheckedSyntax;
  readonly #request: Request;
  readonly #global: ReadonlyMap<string, string | undefined>;
  readonly #args = new Map<string, OutlineArg>();
  readonly #secrets = new Map<string, OutlineMount>();
  readonly #agents = new Map<string, OutlineMount>();

  constructor(syntax: CheckedSyntax, request: Request, global: ReadonlyMap<string, string | undefined>) {
    this.#syntax = syntax;
    this.#request = request;
    this.#global = global;
  }

  get result() {
    const args = [...this.#args.values()].sort((left, right) => left.lines.first - right.lines.first);
    return { args, secrets: [...this.#secrets.values()], agents: [...this.#agents.values()] };
  }

  read({ from, instructions }: Stage, inherited: Variables | undefined): Variables {
    const { escape } = this.#syntax.dockerfile.directives;
    const lookup = (name: string) => {
      this.#addGlobal(name);
      return this.#global.get(name);
    };
    expandWord(from.image, { lookup, escape });
    const variables = new Variables({
      given: this.#request.args,
      global: this.#global,
      used: new Set(),
      escape,
      ...(inherited !== undefined && { inherited }),
    });
    for (const instruction of instructions) {
      if (instruction.kind === "arg") this.#addArgs(instruction, variables);
      if (instruction.kind === "run")
        for (const mount of runMounts(instruction.mounts, (text) => variables.expand(text)))
          this.#addMount(mount, instruction.lines);
    }
    return variables;
  }

  #addGlobal(name: string): boolean {
    const declared = this.#syntax.dockerfile.globalArgs.find(({ args }) =>
      args.some((arg) => arg.name === name),
    );
    if (declared !== undefined) this.#add(name, this.#global.get(name), declared);
    return declared !== undefined;
  }

  #addArgs(instruction: InstructionOf<"arg">, variables: Variables): void {
    for (const { name, value } of instruction.args) {
      variables.declare(name, value === undefined ? undefined : variables.expand(value));
      if (this.#request.platforms.has(name)) continue;
      if (value === undefined && this.#addGlobal(name)) continue;
      this.#add(name, variables.argument(name), instruction);
    }
  }

  #add(name: string, value: string | undefined, instruction: InstructionOf<"arg">): void {
    const raw = this.#syntax.rawOf.get(instruction);
    const description = raw === undefined ? "" : descriptionOf(raw, name);
    this.#args.set(name, { name, description, value: value ?? "", lines: instruction.lines });
  }

  #addMount({ type, id, target, env, isRequired = false }: RunMount, lines: Lines): void {
    if (type !== "secret" && type !== "ssh") return;
    const name = id ?? (type === "ssh" ? "default" : (target?.split("/").at(-1) ?? env ?? ""));
    const found = type === "ssh" ? this.#agents : this.#secrets;
    const before = found.get(name);
    found.set(name, {
      name,
      isRequired: isRequired || before?.isRequired === true,
      lines: before?.lines ?? lines,
    });
  }
}
