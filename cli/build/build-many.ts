import { Fault, messageOf } from "#base/fault.ts";
import { proxyVariables } from "../config/proxies.ts";
import { keyValues } from "../options/environment.ts";
import type { Context } from "../context.ts";
import type { Definition } from "./ask-front-end.ts";
import { buildDeps, planParts } from "./build-one.ts";
import type { BuildOptions } from "./build-options.ts";
import { type BuildPlan, planBuild } from "./plan-build.ts";
import type { Display } from "./progress/display.ts";
import type { BuildEvent } from "./progress/trace.ts";
import { pushAll } from "./push-all.ts";
import { type BuildDeps, type BuildResult, runBuild, runLinkedBuild } from "./run-build.ts";

/** One of several builds. Contexts of `target:NAME` are results of others. */
export interface Target {
  readonly name: string;
  readonly options: BuildOptions;
}

/** The first failure among several builds, and whose it is. The build's own failure is its cause. */
export class TargetFailure extends Error {
  override readonly name = "TargetFailure";
  readonly target: string;

  constructor(target: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.target = target;
  }
}

const linkPrefix = "target:";

/**
 * Builds targets side by side; the first failure stops all.
 *
 * @throws {TargetFailure}
 */
export async function buildMany(
  context: Context,
  targets: readonly Target[],
  display: Display,
): Promise<ReadonlyMap<string, BuildResult>> {
  const plans = new Map<string, BuildPlan>();
  for (const { name, options } of targets)
    plans.set(name, await failingAs(name, () => planBuild(completed(context, options), planParts(context))));
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const links = new TargetLinks(targets);
  const deps = buildDeps(context);
  const failures: TargetFailure[] = [];
  const built = new Map<string, BuildResult>();
  const build = async ({ name, options }: Target) => {
    try {
      const plan = plans.get(name) as BuildPlan;
      const watch = (event: BuildEvent) => display.take(targets.length > 1 ? prefixed(event, name) : event);
      built.set(name, await buildTarget(deps, name, options, plan, links, watch, signal));
      await pushAll(context, plan.pushes, display);
    } catch (error) {
      failures.push(new TargetFailure(name, error));
      stop.abort(error);
      links.fail(name, error);
    }
  };
  await Promise.all(targets.map(build));
  context.signal.throwIfAborted();
  if (failures[0] !== undefined) throw failures[0];
  return built;
}

async function failingAs<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new TargetFailure(name, error);
  }
}

async function buildTarget(
  deps: BuildDeps,
  name: string,
  options: BuildOptions,
  plan: BuildPlan,
  links: TargetLinks,
  watch: (event: BuildEvent) => void,
  signal: AbortSignal,
): Promise<BuildResult> {
  const wanted = linksOf(options);
  if (wanted.length === 0 && !links.isWanted(name)) return await runBuild(deps, plan, watch, signal);
  const inputs = new Map<string, Definition>();
  for (const other of wanted) inputs.set(other, await links.get(other, signal));
  const give = async (definition: Definition) => {
    links.taken(name);
    links.give(name, definition);
    await links.allTaken(name);
  };
  return await runLinkedBuild(deps, plan, { inputs, give }, watch, signal);
}

function linksOf({ contexts }: BuildOptions): readonly string[] {
  return Object.values(contexts)
    .filter((value) => value.startsWith(linkPrefix))
    .map((value) => value.slice(linkPrefix.length));
}

/** With what the configuration adds. The front end knows other targets as inputs, by their names. */
function completed(context: Context, options: BuildOptions): BuildOptions {
  const proxies = keyValues(proxyVariables(context.config().content.proxies, context.env));
  const contexts = Object.entries(options.contexts).map(([name, value]) => [
    name,
    value.startsWith(linkPrefix) ? `input:${value.slice(linkPrefix.length)}` : value,
  ]);
  return {
    ...options,
    args: { ...proxies, ...options.args },
    contexts: Object.fromEntries(contexts) as Record<string, string>,
  };
}

interface LinkState {
  readonly definition: PromiseWithResolvers<Definition>;
  /** Targets that have it as context and did not say yet that they have it. */
  readonly waiting: Set<string>;
  readonly all: PromiseWithResolvers<void>;
}

/** What targets hand on to each other: a result is kept by its build until all who want it have it. */
class TargetLinks {
  readonly #states = new Map<string, LinkState>();

  constructor(targets: readonly Target[]) {
    const names = new Set(targets.map(({ name }) => name));
    for (const { name, options } of targets)
      for (const other of linksOf(options)) {
        if (!names.has(other)) throw new Fault("invalid", `failed to find target ${other}`);
        this.#stateOf(other).waiting.add(name);
      }
  }

  #stateOf(name: string): LinkState {
    let state = this.#states.get(name);
    if (state === undefined) {
      state = { definition: Promise.withResolvers(), waiting: new Set(), all: Promise.withResolvers() };
      state.definition.promise.catch(() => {}); // told where it is waited for
      this.#states.set(name, state);
    }
    return state;
  }

  isWanted(name: string): boolean {
    return this.#states.has(name);
  }

  give(name: string, definition: Definition): void {
    this.#states.get(name)?.definition.resolve(definition);
  }

  fail(name: string, error: unknown): void {
    this.#states.get(name)?.definition.reject(error);
    this.taken(name);
  }

  async get(name: string, signal: AbortSignal): Promise<Definition> {
    const definition = await this.#stateOf(name).definition.promise;
    signal.throwIfAborted();
    return definition;
  }

  /** A target has all that it wants of others. */
  taken(by: string): void {
    for (const { waiting, all } of this.#states.values()) {
      waiting.delete(by);
      if (waiting.size === 0) all.resolve();
    }
  }

  async allTaken(name: string): Promise<void> {
    const state = this.#states.get(name);
    if (state !== undefined && state.waiting.size > 0) await state.all.promise;
  }
}

/** Steps say whose they are: `[db 1/2] FROM …`, `[db] exporting to image`. */
function prefixed(event: BuildEvent, target: string): BuildEvent {
  const { vertexes = [] } = event;
  if (vertexes.length === 0) return event;
  const named = vertexes.map((vertex) => ({ ...vertex, name: prefixedName(vertex.name ?? "", target) }));
  return { ...event, vertexes: named };
}

function prefixedName(name: string, target: string): string {
  return name.startsWith("[") ? `[${target} ${name.slice(1)}` : `[${target}] ${name}`;
}
