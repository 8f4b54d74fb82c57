import { Fault } from "#base/fault.ts";
import { expandWord, type Lookup } from "#oci/dockerfile/expand.ts";
import type { Instruction, Stage } from "#oci/dockerfile/instruction.ts";
import type { Dockerfile } from "#oci/dockerfile/parse.ts";
import { suggestion } from "#oci/dockerfile/suggest.ts";
import { parseRunMount } from "#oci/dockerfile/run-mount.ts";

/** A stage that the target needs. */
export interface PlannedStage {
  readonly stage: Stage;
  /** Image or stage, variables put in. */
  readonly image: string;
  readonly platform?: string;
  /** Index of the stage that FROM names. */
  readonly base?: number;
  /** Of its FROM. */
  readonly firstStep: number;
}

export interface StagePlan {
  readonly stages: readonly PlannedStage[];
  readonly target: number;
  readonly steps: number;
}

/**
 * Which stages are to be built, in the file's order: the target and whatever it needs.
 *
 * @param lookup global arguments
 * @throws {Fault} `invalid` for a target that is not there
 */
export function planStages(dockerfile: Dockerfile, target: string, lookup: Lookup): StagePlan {
  const { stages, globalArgs } = dockerfile;
  const goal = target === "" ? stages.length - 1 : findTarget(stages, target);
  const expansion = { lookup, escape: dockerfile.directives.escape };
  const bases = stages.map((stage) => expandWord(stage.from.image, expansion));
  const needed = new Set<number>();
  const open = [goal];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    const stage = stages[index];
    if (stage === undefined || needed.has(index)) continue;
    needed.add(index);
    const names = [bases[index] ?? "", ...stage.instructions.flatMap(sourcesOf)];
    open.push(...names.flatMap((name) => findStage(stages, name, index) ?? []));
  }
  let step = globalArgs.length + 1;
  const planned: PlannedStage[] = [];
  for (const index of [...needed].sort((left, right) => left - right)) {
    const stage = stages[index] as Stage;
    const image = bases[index] ?? "";
    if (image === "") throw new Fault("invalid", `base name (${stage.from.image}) should not be blank`);
    const base = findStage(stages, image, index, false);
    const platform = stage.from.platform === undefined ? "" : expandWord(stage.from.platform, expansion);
    planned.push({
      stage,
      image,
      firstStep: step,
      ...(base !== undefined && { base }),
      ...(platform !== "" && { platform }),
    });
    step += 1 + stage.instructions.length;
  }
  return { stages: planned, target: goal, steps: step - 1 };
}

function findTarget(stages: readonly Stage[], target: string): number {
  const index = stages.findLastIndex(({ from }) => from.name === target.toLowerCase());
  if (index < 0)
    throw new Fault("invalid", `target stage ${JSON.stringify(target)} could not be found`, {
      detail: {
        meant: suggestion(
          target,
          stages.flatMap(({ from }) => from.name ?? []),
        ),
      },
    });
  return index;
}

/** A stage before `before` by its name or, unless FROM asks, its number. */
export function findStage(
  stages: readonly Stage[],
  name: string,
  before: number,
  byNumber = true,
): number | undefined {
  const lower = name.toLowerCase();
  for (let index = before - 1; index >= 0; index--) if (stages[index]?.from.name === lower) return index;
  if (!byNumber || !/^\d{1,5}$/.test(name)) return undefined;
  return Number(name) < before ? Number(name) : undefined;
}

function sourcesOf(instruction: Instruction): readonly string[] {
  if (instruction.kind === "copy" && instruction.flags.from !== undefined) return [instruction.flags.from];
  if (instruction.kind !== "run") return [];
  return instruction.mounts.flatMap((text) => /(?:^|,)\s*from=([^,]+)/.exec(text)?.[1] ?? []);
}

/** The mounts of a RUN, variables put in. @throws {Fault} `invalid` */
export function runMounts(texts: readonly string[], expand: (text: string) => string) {
  return texts.map((text) => parseRunMount(text.includes("$") ? expand(text) : text));
}
