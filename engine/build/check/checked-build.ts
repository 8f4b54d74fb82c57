import type { CheckFindings } from "#oci/dockerfile/check/findings.ts";
import type { CheckedSyntax } from "#oci/dockerfile/check/syntax-checks.ts";
import type { IgnoreRules } from "#oci/dockerfile/ignore.ts";
import type { From, Instruction, Stage } from "#oci/dockerfile/instruction.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import type { Platform } from "#oci/platform.ts";
import { globalArgs, platformArgs } from "../global-args.ts";
import { findStage, planStages } from "../stage-plan.ts";
import { type BuildArgs, splitPair, Variables } from "../variables.ts";
import { type CheckedFrom, checkFroms } from "./from-checks.ts";
import { type CheckedStage, StageChecks } from "./stage-checks.ts";

export interface CheckRequest {
  readonly args: BuildArgs;
  /** Empty for all stages when these are wanted, or else the last. */
  readonly target: string;
  /** Without a target: every stage, or only those that the last one needs. */
  readonly isEveryStage: boolean;
  readonly platform: Platform;
  readonly host: Platform;
  readonly ignore?: IgnoreRules;
  /** What an image that a stage begins with has for a config. */
  readonly base: (from: CheckedFrom, lines: Lines) => Promise<ImageRuntimeConfig>;
  /** Is told the lines of what is thrown. */
  readonly located: (error: unknown, lines: Lines) => void;
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The images that the stages begin with, so far as they are none of the Dockerfile's own. */
export interface CheckedBuild {
  readonly froms: readonly CheckedFrom[];
  /** Indexes, in the file's order. */
  readonly stages: readonly number[];
  readonly global: ReadonlyMap<string, string | undefined>;
}

/** Looks at every FROM, and finds which stages a request is about. @throws {Fault} `invalid` */
export function checkBases(
  { dockerfile }: CheckedSyntax,
  request: Omit<CheckRequest, "base">,
  findings: CheckFindings,
): CheckedBuild {
  const platforms = platformArgs(request.platform, request.host);
  const global = globalArgs(dockerfile, platforms, request.args);
  const defaults = globalArgs(dockerfile, platforms, {});
  const froms = checkFroms(
    dockerfile,
    { defaults, values: global, host: request.host },
    findings,
    (error, from) => request.located(error, from.lines),
  );
  const isEvery = request.isEveryStage && request.target === "";
  const stages = isEvery
    ? dockerfile.stages.map(({ index }) => index)
    : planStages(dockerfile, request.target, (name) => global.get(name)).stages.map(
        ({ stage }) => stage.index,
      );
  return { froms, stages, global };
}

/**
 * Goes through the stages of a build without doing anything.
 *
 * @throws {Fault} `invalid` for what the build would fail with; what `base` throws
 */
export async function checkStages(
  syntax: CheckedSyntax,
  checked: CheckedBuild,
  request: CheckRequest,
  findings: CheckFindings,
): Promise<void> {
  const { dockerfile, rawOf } = syntax;
  const { escape } = dockerfile.directives;
  const openVariables = (inherited: Variables | undefined, missed: (name: string) => void) =>
    new Variables({
      given: request.args,
      global: checked.global,
      used: new Set(),
      escape,
      missed,
      ...(inherited !== undefined && { inherited }),
    });
  const deps = { findings, openVariables, ...(request.ignore !== undefined && { ignore: request.ignore }) };
  const bases = await basesOf(dockerfile.stages, checked, request);
  const done = new Map<number, CheckedStage>();
  for (const index of checked.stages) {
    const { instructions } = dockerfile.stages[index] as Stage;
    const { parent, config = {} } = bases.get(index) ?? {};
    const stage = new StageChecks(
      deps,
      (parent === undefined ? undefined : done.get(parent)) ?? {
        config: withPath(config),
        hasWorkdir: false,
      },
    );
    for (const instruction of instructions) run(stage, instruction, rawOf, request);
    done.set(index, stage.result);
  }
}

function run(
  stage: StageChecks,
  instruction: Instruction,
  rawOf: CheckedSyntax["rawOf"],
  { located }: CheckRequest,
): void {
  const raw = rawOf.get(instruction);
  if (raw === undefined) return;
  try {
    stage.run(instruction, raw);
  } catch (error) {
    located(error, instruction.lines);
    throw error;
  }
}

type Base = { readonly parent?: number; readonly config?: ImageRuntimeConfig };

/** Side by side, as a build looks them up. */
async function basesOf(
  stages: readonly Stage[],
  { froms, stages: wanted }: CheckedBuild,
  request: CheckRequest,
): Promise<ReadonlyMap<number, Base>> {
  const found = await Promise.all(
    wanted.map(async (index): Promise<readonly [number, Base]> => {
      const from = froms[index] as CheckedFrom;
      const parent = findStage(stages, from.image, index, false);
      if (parent !== undefined) return [index, { parent }];
      if (from.image === "scratch") return [index, {}];
      const { lines } = (stages[index] as Stage).from satisfies From;
      try {
        return [index, { config: await request.base(from, lines) }];
      } catch (error) {
        request.located(error, lines);
        throw error;
      }
    }),
  );
  return new Map(found);
}

function withPath(config: ImageRuntimeConfig): ImageRuntimeConfig {
  const env = config.Env ?? [];
  const hasPath = env.some((entry) => splitPair(entry)[0] === "PATH");
  return hasPath ? config : { ...config, Env: [...env, defaultPath] };
}
