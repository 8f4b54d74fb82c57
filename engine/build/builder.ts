import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostConfig } from "#api/docker/container.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import { KeyedLock } from "#base/keyed-lock.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { PullRequest } from "#engine/images/distribution.ts";
import type { ImageWorkshop } from "#engine/images/image-workshop.ts";
import type { ImageRecord, Progress } from "#engine/images/images.ts";
import { LayeredFiles } from "#engine/runtime/layered-file.ts";
import type { Digest } from "#oci/digest.ts";
import type { From, Stage } from "#oci/dockerfile/instruction.ts";
import { type Dockerfile, parseDockerfile } from "#oci/dockerfile/parse.ts";
import { formatPlatform, normalisePlatform, parsePlatform, type Platform } from "#oci/platform.ts";
import type { Reference } from "#oci/reference.ts";
import type { BuildContext, BuildDeps } from "./build-deps.ts";
import { type BaseImage, type Built, builtOf } from "./built.ts";
import type { CopyFrom } from "./copy-step.ts";
import { Spool } from "./files/spool.ts";
import type { FolderNode } from "./files/tree.ts";
import { findOrPull, metadataFault, shownImage } from "./base-image.ts";
import {
  buildkitHistory,
  classicHistory,
  type FrontEnd,
  isStep,
  type StageTitle,
  type StepProgress,
} from "./front-end.ts";
import { contextStage } from "./context-stage.ts";
import { globalArgs, platformArgs } from "./global-args.ts";
import type { CacheSource, StepResult } from "./cache-source.ts";
import { ImageCache } from "./image-cache.ts";
import { RemoteSources } from "./remote/remote-sources.ts";
import { OrderedReporters, type Reporter } from "./reporter.ts";
import { RunMounts } from "./run-mounts.ts";
import { Solver } from "./solver.ts";
import { StageBuild, type StepTools } from "./stage-build.ts";
import { findStage, type PlannedStage, planStages, type StagePlan } from "./stage-plan.ts";
import { shortId, type StageState } from "./stage-state.ts";
import { type BuildArgs, isProxy, Variables } from "./variables.ts";

/** A Dockerfile to be built, and everything that was said about how. */
export interface BuildRequest {
  readonly dockerfile: string;
  /** For messages. */
  readonly dockerfileName: string;
  readonly root: FolderNode;
  readonly args: BuildArgs;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string;
  readonly tags: readonly Reference[];
  /** Base images are asked for at their registry, even those that are here. */
  readonly pulls: boolean;
  /** What the client has for the registry of a domain. */
  readonly credentials?: (domain: string) => PullRequest["credentials"];
  readonly usesCache: boolean;
  /** Images here whose history says what they are made of. */
  readonly cacheFrom: readonly string[];
  /** Results from elsewhere, beside those that are known here. */
  readonly cacheSources?: readonly CacheSource[];
  readonly platform: string;
  readonly networkMode: string;
  readonly limits: Partial<HostConfig>;
  /** Of a client that speaks BuildKit's protocol. */
  readonly frontEnd?: FrontEnd;
  /** Steps of these stages run anew, whatever is known of them. */
  readonly uncachedStages?: readonly string[];
}

/**
 * Builds images from Dockerfiles. Stages that do not need each other run side by side; only those that the target needs run at
 * all.
 */
export class Builder {
  readonly #context: BuildContext;
  readonly #solver: Solver;
  readonly #shared = { locks: new KeyedLock(), inUse: new Map<string, number>() };

  constructor(deps: BuildDeps) {
    const folder = join(deps.paths.root, "build");
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    this.#context = { ...deps, files: new LayeredFiles({ firstChanges: false }), folder };
    this.#solver = new Solver(this.#context);
  }

  get folder(): string {
    return this.#context.folder;
  }

  /** The platform of what is built when nothing else is asked for. */
  get platform(): Platform {
    return this.#context.platform;
  }

  /** An image that a build would begin with; it is pulled when it is not here. @throws {Fault} */
  async base(
    request: Pick<BuildRequest, "pulls" | "credentials">,
    name: string,
    platform: string,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    return await findOrPull(this.#context, request, name, platform, () => {}, signal);
  }

  /** {@link ImageWorkshop.takeImage} */
  get takeImage(): ImageWorkshop["takeImage"] {
    const { workshop } = this.#context;
    return (config, layers, read, signal) => workshop.takeImage(config, layers, read, signal);
  }

  /** An image's config as it is stored. */
  async configOf(image: ImageRecord): Promise<Buffer> {
    return await this.#context.workshop.configOf(image);
  }

  /** {@link Builder.solve}, and the image of it. */
  async build(request: BuildRequest, reporter: Reporter, signal: AbortSignal): Promise<Digest> {
    await using built = await this.solve(request, reporter, signal);
    return await built.commit(request.tags, signal);
  }

  /**
   * Builds what the request says, without making it an image. When it throws, or `signal` aborts, nothing is left but the results of the steps that were done.
   *
   * @throws {Fault} with Docker's texts
   */
  async solve(request: BuildRequest, reporter: Reporter, signal: AbortSignal): Promise<Built> {
    const dockerfile = parseDockerfile(request.dockerfile, {
      name: request.dockerfileName,
      allowsDoubleNames: request.frontEnd !== undefined,
    });
    const { workshop } = this.#context;
    const used = new Set<string>();
    const results: StepResult[] = [];
    const bases: BaseImage[] = [];
    await using undo = new AsyncDisposableStack();
    const lease = undo.use(workshop.hold());
    const spools: Spool[] = [];
    try {
      const run = new BuildRun({
        context: this.#context,
        solver: this.#solver,
        mounts: new RunMounts(this.#context, this.#shared, request.frontEnd),
        dockerfile,
        request,
        reporter,
        lease,
        used,
        results,
        bases,
        signal,
        openSpool: () => {
          const spool = new Spool(join(this.#context.folder, "tmp"));
          spools.push(spool);
          return spool;
        },
      });
      const built = await run.build(signal);
      const state = request.frontEnd === undefined ? built : withConfigLabels(built, request.labels);
      void this.#markUsed([...used]);
      const held = undo.move();
      const { epoch } = run;
      return builtOf({ context: this.#context, state, results, bases, epoch, lease }, async () => {
        await held.disposeAsync();
        void this.#settle();
      });
    } catch (error) {
      await lease.release();
      void this.#leave();
      throw error;
    } finally {
      for (const spool of spools) spool[Symbol.dispose]();
    }
  }

  /** Nobody waits for it: it is for who prunes. */
  async #markUsed(keys: readonly string[]): Promise<void> {
    try {
      await this.#context.cache.markUsed(keys);
    } catch (error) {
      this.#context.log.warn("results that a build used are not marked", { error: messageOf(error) });
    }
  }

  /** What a build leaves that did not come to its end. */
  async #leave(): Promise<void> {
    await this.#settle();
    await this.#context.workshop.tidy();
  }

  /** Steps that were done are of use to the next build, if this daemon runs it or another one. */
  async #settle(): Promise<void> {
    try {
      await this.#context.workshop.settle();
    } catch (error) {
      this.#context.log.warn("results of a build are not on disk", { error: messageOf(error) });
    }
  }
}

interface RunDeps {
  readonly context: BuildContext;
  readonly solver: Solver;
  readonly mounts: RunMounts;
  readonly dockerfile: Dockerfile;
  readonly request: BuildRequest;
  readonly reporter: Reporter;
  readonly lease: Lease;
  readonly used: Set<string>;
  readonly results: StepResult[];
  readonly bases: BaseImage[];
  readonly openSpool: () => Spool;
  readonly signal: AbortSignal;
}

/** One build. */
class BuildRun {
  readonly #deps: RunDeps;
  readonly #platform: Platform;
  readonly #global: Map<string, string | undefined>;
  readonly #usedArgs = new Set<string>();
  readonly #stages = new Map<number, Promise<StageState>>();
  readonly #images = new Map<string, Promise<StageState>>();
  readonly #variables = new Map<number, Variables>();

  constructor(deps: RunDeps) {
    this.#deps = deps;
    const { request, context } = deps;
    this.#platform =
      request.platform === "" ? context.platform : parsePlatform(request.platform, context.platform);
    const platforms = platformArgs(this.#platform, context.platform);
    this.#global = globalArgs(deps.dockerfile, platforms, request.args);
  }

  /** What SOURCE_DATE_EPOCH says. @throws {Fault} `invalid` */
  get epoch(): number | undefined {
    const epoch = this.#deps.request.args["SOURCE_DATE_EPOCH"] ?? this.#global.get("SOURCE_DATE_EPOCH");
    if (epoch === undefined || epoch === null || epoch === "") return undefined;
    if (!/^\d{1,12}$/.test(epoch)) throw new Fault("invalid", `invalid SOURCE_DATE_EPOCH: ${epoch}`);
    return Number(epoch);
  }

  async build(signal: AbortSignal): Promise<StageState> {
    const { dockerfile, request, reporter } = this.#deps;
    const lookup = (name: string) => this.#global.get(name);
    const titles = dockerfile.globalArgs.map(({ text }) => text);
    for (const { name } of dockerfile.globalArgs.flatMap(({ args }) => args)) this.#usedArgs.add(name);
    const labelled = request.frontEnd === undefined ? withLabels(dockerfile, request) : dockerfile;
    const plan = planStages(labelled, request.target, lookup);
    for (const [index, title] of titles.entries()) await reportStep(reporter, index + 1, plan.steps, title);
    const state = await this.#runStages(plan, signal);
    await this.#warnOfArgs();
    return state;
  }

  async #runStages(plan: StagePlan, signal: AbortSignal): Promise<StageState> {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const tools = await this.#tools(either);
    const reporters = new OrderedReporters(this.#deps.reporter);
    for (const planned of plan.stages) {
      const reporter = reporters.open();
      const run = async () => {
        try {
          return await this.#runStage(planned, plan, tools, reporter);
        } finally {
          await reporter.done();
        }
      };
      const stage = run();
      stage.catch((error: unknown) => stop.abort(error));
      this.#stages.set(planned.stage.index, stage);
    }
    const settled = await Promise.allSettled(this.#stages.values());
    signal.throwIfAborted();
    // The stop of the others is not what went wrong.
    if (stop.signal.aborted) throw stop.signal.reason;
    for (const stage of settled) if (stage.status === "rejected") throw stage.reason;
    return await (this.#stages.get(plan.target) as Promise<StageState>);
  }

  async #tools(signal: AbortSignal): Promise<Omit<StepTools, "from">> {
    const { context, solver, mounts, request, lease, used, openSpool } = this.#deps;
    const imports: ImageCache[] = [];
    for (const name of request.cacheFrom) {
      const image = findImage(context, name);
      if (image === undefined) continue;
      await admit(context, name, image);
      imports.push(new ImageCache(image, await context.workshop.layersOf(image, lease)));
    }
    const { epoch } = this;
    if (epoch !== undefined) this.#usedArgs.add("SOURCE_DATE_EPOCH");
    return {
      context,
      solver,
      mounts,
      remote: new RemoteSources(openSpool, join(context.folder, "tmp")),
      spool: openSpool(),
      root: request.root,
      lease,
      signal,
      // Who names images wants the results of these alone, whether they are there or not.
      usesCache: request.usesCache && request.cacheFrom.length > 0 ? "imports" : request.usesCache,
      imports,
      // Nobody signs caches: where signatures are asked for, what they have is not taken for a step's result.
      sources: context.images.admission.hasPolicy ? [] : (request.cacheSources ?? []),
      solved: (result) => this.#deps.results.push(result),
      ...(epoch !== undefined && { epoch }),
      networkMode: request.networkMode,
      limits: request.limits,
      history: request.frontEnd === undefined ? classicHistory : buildkitHistory,
      ...(request.frontEnd !== undefined && { frontEnd: request.frontEnd }),
      used: (key) => used.add(key),
    };
  }

  async #runStage(
    { stage, image, base, platform, firstStep }: PlannedStage,
    plan: StagePlan,
    tools: Omit<StepTools, "from">,
    reporter: Reporter,
  ): Promise<StageState> {
    const { dockerfile, request } = this.#deps;
    const title = (step: number, text: string) => reportStep(reporter, step, plan.steps, text);
    await title(firstStep, stage.from.text);
    const shown = this.#titleOf(stage, base);
    const state =
      base === undefined
        ? await this.#base(image, platform, shown, stage.from)
        : await this.#stages.get(base);
    tools.signal.throwIfAborted();
    if (state === undefined) throw new Fault("internal", `stage ${base} is not built`);
    await reporter.text(` ---> ${shortId(state)}\n`);
    const variables = new Variables({
      given: request.args,
      global: this.#global,
      used: this.#usedArgs,
      escape: dockerfile.directives.escape,
      ...this.#inherited(base),
    });
    this.#variables.set(stage.index, variables);
    const build = new StageBuild(
      {
        ...tools,
        usesCache: (request.uncachedStages ?? []).includes(stage.from.name ?? "") ? false : tools.usesCache,
        from: (name) => this.#from(name, stage.index, tools.signal),
      },
      request.frontEnd === undefined ? state : withRootFolder(state),
      variables,
      reporter,
      shown,
    );
    await build.runTriggers();
    for (const [index, instruction] of stage.instructions.entries()) {
      await title(firstStep + 1 + index, instruction.text);
      await build.run(instruction);
    }
    return build.state;
  }

  /** BuildKit's stages hand their arguments on to those that are built on them. */
  #inherited(base: number | undefined): { readonly inherited?: Variables } {
    const inherited = base === undefined ? undefined : this.#variables.get(base);
    return this.#deps.request.frontEnd === undefined || inherited === undefined ? {} : { inherited };
  }

  async #from(name: string, before: number, signal: AbortSignal): Promise<CopyFrom> {
    const index = findStage(this.#deps.dockerfile.stages, name, before);
    const stage = index === undefined ? undefined : this.#stages.get(index);
    if (stage !== undefined) return { kind: "layers", state: await stage };
    const named = await this.#deps.request.frontEnd?.context(name, this.#platform, signal);
    if (named?.kind === "files") return { kind: "context", root: named.root };
    const isBuildKit = this.#deps.request.frontEnd !== undefined;
    if (/^\d{1,5}$/.test(name) && named === undefined)
      throw new Fault(
        "invalid",
        isBuildKit ? `invalid stage index ${name}` : `invalid from flag value ${name}: index out of bounds`,
      );
    try {
      return { kind: "layers", state: await this.#image(named?.name ?? name, undefined) };
    } catch (error) {
      throw isBuildKit && isFault(error) ? metadataFault(name, error) : error;
    }
  }

  /** How BuildKit's progress shows the stage. */
  #titleOf({ index, from, instructions }: Stage, base: number | undefined): StageTitle {
    const hasOthers = this.#deps.dockerfile.stages.length > 1;
    const name = hasOthers ? (from.name ?? `stage-${index}`) : "";
    const hasImage = base === undefined && from.image !== "scratch";
    const steps = instructions.filter(isStep).length + (hasImage ? 1 : 0);
    return { index, name, steps };
  }

  async #base(
    image: string,
    platform: string | undefined,
    title: StageTitle,
    { lines }: From,
  ): Promise<StageState> {
    const { frontEnd } = this.#deps.request;
    if (frontEnd === undefined || image === "scratch") return await this.#image(image, platform);
    const { context, lease, signal } = this.#deps;
    let step: StepProgress | undefined;
    try {
      const wanted = platform === undefined ? this.#platform : parsePlatform(platform, context.platform);
      const named = await frontEnd.context(image, wanted, signal);
      if (named?.kind === "files")
        return await contextStage(context, this.#platform, named.root, lease, signal);
      const name = named?.name ?? image;
      // Stages that begin with the same image have one step for it.
      const shown = named === undefined ? name : named.shown;
      const isShown = shown !== undefined && !this.#images.has(imageKey(name, platform));
      step = isShown ? frontEnd.step(title, `FROM ${shownImage(shown)}`) : undefined;
      let isHere = true;
      const state = await this.#image(name, platform, (progress) => {
        isHere = false;
        step?.pulling(progress);
      });
      if (isHere) step?.cached();
      step?.done();
      return state;
    } catch (error) {
      step?.failed(error);
      const failure = isFault(error) ? metadataFault(image, error) : error;
      frontEnd.located(failure, lines);
      throw failure;
    }
  }

  /** @param pulling told of what comes, unless somebody has asked for the image before */
  #image(
    name: string,
    platform: string | undefined,
    pulling: (progress: Progress) => void = () => {},
  ): Promise<StageState> {
    const key = imageKey(name, platform);
    const known = this.#images.get(key) ?? this.#openImage(name, platform, pulling);
    this.#images.set(key, known);
    return known;
  }

  async #openImage(
    name: string,
    asked: string | undefined,
    pulling: (progress: Progress) => void,
  ): Promise<StageState> {
    const { context, lease } = this.#deps;
    const wanted = asked === undefined ? this.#platform : parsePlatform(asked, context.platform);
    if (name === "scratch") {
      const { os, architecture, variant } = wanted;
      const image = { os, architecture, ...(variant !== undefined && { variant }) };
      return { image, config: {}, layers: [], history: [] };
    }
    const { request, signal } = this.#deps;
    const record = await findOrPull(context, request, name, asked ?? request.platform, pulling, signal);
    await admit(context, name, record);
    const layers = await context.workshop.layersOf(record, lease);
    const { rootfs, history, config, docker_version: _, ...rest } = record.config;
    const { "moby.buildkit.cache.v0": __, ...image } = rest;
    const isOther = formatPlatform(normalisePlatform(image)) !== formatPlatform(normalisePlatform(wanted));
    if (isOther && (asked !== undefined || this.#deps.request.platform !== ""))
      throw new Fault(
        "not-found",
        `image with reference ${name} was found but its platform (${formatPlatform(normalisePlatform(image))}) does not match the specified platform (${formatPlatform(wanted)})`,
      );
    this.#deps.bases.push({
      name,
      platform: normalisePlatform(image),
      digest: record.descriptor.digest,
      layers,
    });
    return {
      image,
      config: config ?? {},
      layers,
      history: history ?? rootfs.diff_ids.map(() => ({})),
      id: record.id,
    };
  }

  async #warnOfArgs(): Promise<void> {
    const { request, reporter } = this.#deps;
    const unused = Object.keys(request.args).filter((name) => !this.#usedArgs.has(name) && !isProxy(name));
    if (unused.length > 0)
      await reporter.text(
        `[Warning] One or more build-args [${unused.sort().join(" ")}] were not consumed\n`,
      );
  }
}

/** BuildKit's history does not tell of `--label`. */
function withConfigLabels(state: StageState, labels: BuildRequest["labels"]): StageState {
  if (Object.keys(labels).length === 0) return state;
  const { id: _, ...rest } = state;
  return { ...rest, config: { ...state.config, Labels: { ...state.config.Labels, ...labels } } };
}

/** What BuildKit begins with when there is no image to begin with. */
function withRootFolder(state: StageState): StageState {
  if (state.id !== undefined || state.layers.length > 0 || state.history.length > 0) return state;
  return { ...state, config: { ...state.config, WorkingDir: "/" } };
}

/** The line end is a message of its own, as in Docker's stream. */
async function reportStep(reporter: Reporter, step: number, steps: number, text: string): Promise<void> {
  await reporter.text(`Step ${step}/${steps} : ${text}`);
  await reporter.text("\n");
}

/** What steps run in, and what is taken for their results, must be trusted. Local work, so it has a time of its own. */
async function admit({ images }: BuildContext, text: string, { id, manifest }: ImageRecord): Promise<void> {
  await images.admission.using({ text, id, manifest }, "build", AbortSignal.timeout(ADMISSION_TIMEOUT_MS));
}

const ADMISSION_TIMEOUT_MS = 60_000;

function findImage({ images }: BuildContext, name: string) {
  try {
    return images.resolve(name);
  } catch (error) {
    if (isFault(error, "not-found")) return undefined;
    throw error;
  }
}

function imageKey(name: string, platform: string | undefined): string {
  return `${platform ?? ""} ${name}`;
}

/** `--label` is one more instruction of the target. */
function withLabels(dockerfile: Dockerfile, { labels, target }: BuildRequest): Dockerfile {
  const names = Object.keys(labels).sort();
  if (names.length === 0) return dockerfile;
  const quote = (text: string) => `'${text.replaceAll("'", `'"'"'`)}'`;
  const pairs = names.map((name) => [quote(name), quote(labels[name] ?? "")] as const);
  const text = `LABEL ${names.map((name) => `${JSON.stringify(name)}=${JSON.stringify(labels[name])}`).join(" ")}`;
  const wanted = target.toLowerCase();
  const byName = dockerfile.stages.findLastIndex(({ from }) => from.name === wanted);
  const index = target === "" ? dockerfile.stages.length - 1 : byName;
  const stages = dockerfile.stages.map((stage) =>
    stage.index === index
      ? {
          ...stage,
          instructions: [
            ...stage.instructions,
            { kind: "label" as const, pairs, text, lines: stage.from.lines },
          ],
        }
      : stage,
  );
  return { ...dockerfile, stages };
}
