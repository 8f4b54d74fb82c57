import { randomBytes } from "node:crypto";
import { writeFile, mkdir } from "node:fs/promises";
import { join, posix } from "node:path";
import type { HostConfig } from "#api/docker/container.ts";
import { Fault, isFault } from "#base/fault.ts";
import { formatTime } from "#base/time.ts";
import { removeTree } from "#engine/snapshots/folders.ts";
import type { Lease } from "#engine/gc/leases.ts";
import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import { imageIdOf } from "#engine/images/image-workshop.ts";
import type { Instruction, InstructionOf } from "#oci/dockerfile/instruction.ts";
import { parseTrigger } from "#oci/dockerfile/parse.ts";
import type { TarTime } from "#oci/tar/entry.ts";
import type { BuildContext } from "./build-deps.ts";
import type { CachedResult, CacheSource, StepResult } from "./cache-source.ts";
import type { ImageCache } from "./image-cache.ts";
import { applyConfig, nop, shellOf } from "./config-steps.ts";
import { findOwner } from "./copy-flags.ts";
import { type CopyFrom, type CopyInstruction, type CopyTools, planCopyStep } from "./copy-step.ts";
import { type ExecStep, runStep } from "./exec-step.ts";
import { digestOfEntries } from "./files/digest.ts";
import { layerArchive } from "./files/layer-archive.ts";
import { type LayerEntry, type Owner, planFolder } from "./files/layer-plan.ts";
import type { FolderNode } from "./files/tree.ts";
import { type FrontEnd, type HistoryStyle, isStep, type StageTitle, type StepProgress } from "./front-end.ts";
import type { Spool } from "./files/spool.ts";
import type { RemoteSources } from "./remote/remote-sources.ts";
import type { Reporter } from "./reporter.ts";
import { mountInputs, type RunMounts } from "./run-mounts.ts";
import { resolvedMount, type StepMount } from "./step-mount.ts";
import { runCommand, scriptPath } from "./run-command.ts";
import type { CacheChoice, Operation, Solved, Solver } from "./solver.ts";
import { layerFolders, lookupIn } from "./sources.ts";
import { runMounts } from "./stage-plan.ts";
import { advance, chainOf, imageConfigOf, shortId, type StageState } from "./stage-state.ts";
import { stepTitle } from "./step-title.ts";
import { mergeEnv, splitPair, type Variables } from "./variables.ts";

/** What the steps of one build share. */
export interface StepTools {
  readonly context: BuildContext;
  readonly solver: Solver;
  readonly mounts: RunMounts;
  readonly remote: RemoteSources;
  readonly spool: Spool;
  readonly root: FolderNode;
  readonly lease: Lease;
  readonly signal: AbortSignal;
  readonly usesCache: CacheChoice["isUsed"];
  readonly imports: readonly ImageCache[];
  readonly sources: readonly CacheSource[];
  /** Told of every result. */
  readonly solved: (result: StepResult) => void;
  /** SOURCE_DATE_EPOCH, in seconds since 1970. */
  readonly epoch?: number;
  readonly networkMode: string;
  readonly limits: Partial<HostConfig>;
  /** A stage before this one, or an image, by what `--from` says. */
  readonly from: (name: string) => Promise<CopyFrom>;
  readonly used: (key: string) => void;
  readonly history: HistoryStyle;
  readonly frontEnd?: FrontEnd;
}

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs the instructions of one stage, one after the other. */
export class StageBuild {
  readonly #tools: StepTools;
  readonly #variables: Variables;
  readonly #reporter: Reporter;
  #state: StageState;
  #isCmdSet = false;
  readonly #title: StageTitle | undefined;
  #progress: StepProgress | undefined;

  constructor(
    tools: StepTools,
    base: StageState,
    variables: Variables,
    reporter: Reporter,
    title?: StageTitle,
  ) {
    this.#tools = tools;
    this.#title = title;
    this.#variables = variables;
    this.#reporter = reporter;
    const env = base.config.Env ?? [];
    const hasPath = env.some((entry) => splitPair(entry)[0] === "PATH");
    this.#state = { ...base, config: { ...base.config, Env: hasPath ? env : [...env, defaultPath] } };
    variables.setEnvironment(this.#state.config.Env ?? []);
  }

  get state(): StageState {
    return this.#state;
  }

  /** The triggers that the base image has for whoever builds on it. */
  async runTriggers(): Promise<void> {
    const triggers = this.#state.config.OnBuild ?? [];
    if (triggers.length === 0) return;
    const { OnBuild: _done, ...config } = this.#state.config;
    this.#state = { ...this.#state, config };
    await this.#say(`# Executing ${triggers.length} build trigger${triggers.length === 1 ? "" : "s"}\n`);
    for (const trigger of triggers) await this.run(parseTrigger(trigger));
  }

  /** @throws what the instruction throws */
  async run(instruction: Instruction): Promise<void> {
    this.#tools.signal.throwIfAborted();
    const { frontEnd } = this.#tools;
    if (frontEnd === undefined || this.#title === undefined) return await this.#dispatch(instruction);
    try {
      await this.#waitForSources(instruction);
    } catch (error) {
      frontEnd.located(error, instruction.lines);
      throw error;
    }
    const title = () => stepTitle(instruction, this.#variables.expansion);
    const progress = isStep(instruction) ? frontEnd.step(this.#title, title()) : undefined;
    this.#progress = progress;
    try {
      await this.#dispatch(instruction);
      progress?.done();
    } catch (error) {
      progress?.failed(error);
      frontEnd.located(error, instruction.lines);
      throw error;
    }
  }

  /** A step begins when what it takes from is there: the failure of another stage is none of its own. */
  async #waitForSources(instruction: Instruction): Promise<void> {
    if (instruction.kind === "copy" || instruction.kind === "add") await this.#from(instruction.flags.from);
    if (instruction.kind === "run") await this.#stepMounts(instruction);
  }

  async #dispatch(instruction: Instruction): Promise<void> {
    switch (instruction.kind) {
      case "copy":
      case "add":
        await this.#copy(instruction);
        break;
      case "run":
        await this.#exec(instruction);
        break;
      case "arg":
        await this.#arg(instruction);
        break;
      default:
        await this.#configure(instruction);
    }
    await this.#say(` ---> ${shortId(this.#state)}\n`);
  }

  #say(text: string): Promise<void> {
    return this.#reporter.text(text);
  }

  async #arg({ args }: InstructionOf<"arg">): Promise<void> {
    const shown: string[] = [];
    for (const { name, value: written } of args) {
      const expanded = written === undefined ? undefined : this.#variables.expand(written);
      this.#variables.declare(this.#variables.expand(name), expanded);
      const value = this.#tools.frontEnd === undefined ? expanded : this.#variables.argument(name);
      shown.push(value === undefined ? name : `${name}=${value}`);
    }
    await this.#commitConfig(nop(` ARG ${shown.join(" ")}`), this.#state.config, []);
  }

  async #configure(
    instruction: Exclude<Instruction, { readonly kind: "copy" | "add" | "run" | "arg" }>,
  ): Promise<void> {
    const state = this.#state;
    const step = applyConfig(state.config, instruction, this.#variables, this.#isCmdSet);
    if (instruction.kind === "cmd") this.#isCmdSet = true;
    if (step.author !== undefined) this.#state = { ...state, image: { ...state.image, author: step.author } };
    const entries =
      instruction.kind === "workdir"
        ? planFolder(
            step.config.WorkingDir ?? "/",
            this.#now(),
            lookupIn(this.#tools.context, chainOf(state)),
            this.#tools.frontEnd === undefined ? undefined : this.#userOwner(),
          )
        : [];
    const isMarked = instruction.kind === "cmd" && this.#tools.frontEnd !== undefined;
    const config = isMarked ? { ...step.config, ArgsEscaped: true } : step.config;
    await this.#commitConfig(step.createdBy, config, entries, instruction.text);
    this.#variables.setEnvironment(config.Env ?? []);
  }

  /** Whom BuildKit gives a new WORKDIR: the user of the steps, or root when there is no such one. */
  #userOwner(): Owner | undefined {
    const { context } = this.#tools;
    const { User = "" } = this.#state.config;
    return User === ""
      ? undefined
      : findOwner(User, context.files, layerFolders(context, chainOf(this.#state)));
  }

  /** A step that changes the config, and files only by the entries of a folder. */
  async #commitConfig(
    createdBy: string,
    config: StageState["config"],
    entries: readonly LayerEntry[],
    description = createdBy,
  ): Promise<void> {
    const state = this.#state;
    const text = this.#tools.history.config(createdBy);
    const operation: Operation = {
      kind: entries.length > 0 ? "folder" : "config",
      description,
      createdBy: text,
      inputs: [imageIdOf(imageConfigOf(state)), text, config, digestOfEntries(entries), this.#tools.epoch],
    };
    const solved = await this.#solve(operation, async () => {
      const container = randomBytes(6).toString("hex");
      await this.#say(` ---> Running in ${container}\n`);
      const layer = entries.length === 0 ? undefined : await this.#addLayer(entries);
      await this.#say(` ---> Removed intermediate container ${container}\n`);
      return layer;
    });
    this.#advance(solved, config);
  }

  async #copy(instruction: CopyInstruction): Promise<void> {
    const { from: name } = instruction.flags;
    const from = await this.#from(name);
    const hasFrom = from.kind === "layers";
    const quick = hasFrom ? this.#quickCopy(instruction, from) : undefined;
    const known = quick === undefined ? undefined : await this.#findQuick(instruction, quick);
    if (quick !== undefined && known !== undefined) {
      this.#tools.used(this.#tools.solver.keyOf(quick));
      this.#tell(quick, known);
      await this.#sayCached();
      return this.#advance({ ...known, createdBy: this.#copyText(instruction) ?? known.createdBy });
    }
    const plan = await planCopyStep(this.#copyTools(), this.#state, instruction, from);
    const keyword = instruction.kind === "add" ? "ADD" : "COPY";
    const chown = instruction.flags.chown === undefined ? "" : `--chown=${instruction.flags.chown} `;
    const destination = this.#variables.expand(instruction.destination);
    const operation: Operation = {
      kind: "copy",
      description: instruction.text,
      createdBy:
        this.#copyText(instruction) ?? nop(`${keyword} ${chown}${plan.shownDigest} in ${destination} `),
      inputs: [
        instruction.flags.isLink ? "link" : chainOf(this.#state),
        digestOfEntries(plan.entries),
        this.#tools.epoch,
      ],
    };
    const made = await this.#solve(operation, () => this.#addLayer(plan.entries));
    const solved = instruction.flags.isLink ? await this.#stacked(made) : made;
    if (quick !== undefined) {
      await this.#tools.solver.alias(operation, { ...operation, ...quick }, solved);
      this.#tell(quick, solved);
    }
    this.#advance({ ...solved, createdBy: operation.createdBy });
  }

  /** Here, or in a cache that the client has named. */
  async #findQuick(
    instruction: CopyInstruction,
    quick: Pick<Operation, "kind" | "inputs">,
  ): Promise<Solved | undefined> {
    const { solver, usesCache, lease, sources } = this.#tools;
    if (usesCache !== true) return undefined;
    const known = await solver.find(quick, lease);
    const createdBy = this.#copyText(instruction);
    if (known !== undefined || sources.length === 0 || createdBy === undefined) return known;
    const operation: Operation = { ...quick, description: instruction.text, createdBy };
    const choice: CacheChoice = { isUsed: true, import: (key) => this.#fromSources(key) };
    return await solver.import(operation, choice, lease);
  }

  /** The result of a COPY --link may have been made on top of other layers than those that are below it now. */
  async #stacked(solved: Solved): Promise<Solved> {
    const { context, lease, signal } = this.#tools;
    const parent = chainOf(this.#state);
    if (solved.layer === undefined) return solved;
    return { ...solved, layer: await context.workshop.stack(parent, solved.layer, lease, signal) };
  }

  /** The same copy from the same file system: nothing has to be read to know what comes of it. */
  #quickCopy(instruction: CopyInstruction, from: Extract<CopyFrom, { kind: "layers" }>) {
    const { sources, destination, flags, inline } = instruction;
    const expand = (text: string) => this.#variables.expand(text);
    const chain = from.state.layers.at(-1)?.chainId;
    const texts = [...sources, destination, flags.chown ?? "", flags.chmod ?? ""].map(expand);
    const { WorkingDir } = this.#state.config;
    if (inline.length > 0) return undefined;
    return {
      kind: "copy" as const,
      inputs: [
        this.#tools.frontEnd === undefined ? "quick" : "quick as BuildKit",
        chainOf(this.#state),
        chain,
        texts,
        flags,
        WorkingDir,
        this.#tools.epoch,
      ],
    };
  }

  #copyTools(): CopyTools {
    const { context, spool, remote, signal } = this.#tools;
    const isBuildKit = this.#tools.frontEnd !== undefined;
    return { context, variables: this.#variables, spool, remote, signal, mtime: this.#now(), isBuildKit };
  }

  async #from(name: string | undefined): Promise<CopyFrom> {
    if (name === undefined) return { kind: "context", root: this.#tools.root };
    return await this.#tools.from(name);
  }

  async #exec(instruction: InstructionOf<"run">): Promise<void> {
    const { context, lease, signal, networkMode, limits } = this.#tools;
    const state = this.#state;
    const { args, script } = runCommand(instruction, shellOf(state.config));
    const declared = this.#variables.declared();
    const mounts = await this.#stepMounts(instruction);
    const mayBeInsecure = this.#tools.frontEnd?.entitlements.includes("security.insecure") === true;
    if (instruction.security === "insecure" && !mayBeInsecure)
      throw new Fault("invalid", "security.insecure is not allowed");
    const env = mergeEnv(state.config.Env ?? [], declared.map(splitPair));
    const step: Omit<ExecStep, "mounts"> = {
      args,
      env: mergeEnv(env, this.#variables.proxies().map(splitPair)),
      user: state.config.User ?? "",
      workingDir: state.config.WorkingDir ?? "",
      networkMode: networkOf(instruction.network, networkMode, this.#tools.frontEnd?.entitlements),
      isPrivileged: instruction.security === "insecure",
      ...(this.#tools.frontEnd !== undefined && { hostname: this.#tools.frontEnd.hostname }),
      limits,
    };
    const prefix = declared.length === 0 ? "" : `|${declared.length} ${declared.join(" ")} `;
    const operation: Operation = {
      kind: "exec",
      description: instruction.text,
      createdBy: this.#tools.history.exec(
        `${prefix}${script === undefined ? args.join(" ") : `${shellOf(state.config).join(" ")} ${script}`}`,
      ),
      inputs: [
        chainOf(state),
        args,
        script,
        env,
        step.user,
        step.workingDir,
        step.networkMode,
        mounts.map(mountInputs),
        limits.ExtraHosts ?? [],
        this.#tools.epoch,
      ],
    };
    const solved = await this.#solve(operation, () =>
      this.#tools.mounts.with(mounts, signal, (resolved, secrets) =>
        this.#withScript(script, (more) =>
          runStep(
            context,
            {
              ...step,
              env: mergeEnv(step.env, secrets.map(splitPair)),
              mounts: [...resolved, ...more],
            },
            chainOf(state),
            this.#execOutput(),
            lease,
            signal,
          ),
        ),
      ),
    );
    this.#advance(solved);
  }

  #execOutput() {
    const decoders = [new TextDecoder(), new TextDecoder()] as const;
    return {
      started: (id: string) => this.#say(` ---> Running in ${id.slice(0, 12)}\n`),
      ended: (id: string) => this.#say(` ---> Removed intermediate container ${id.slice(0, 12)}\n`),
      wrote: async (bytes: Buffer, isError: boolean) => {
        this.#progress?.wrote(bytes, isError);
        const text = decoders[isError ? 1 : 0].decode(bytes, { stream: true });
        if (text !== "") await this.#say(isError ? `\u001b[91m${text}\u001b[0m` : text);
      },
    };
  }

  async #withScript<T>(
    script: string | undefined,
    work: (mounts: readonly ReturnType<typeof resolvedMount>[]) => Promise<T>,
  ): Promise<T> {
    if (script === undefined) return await work([]);
    const folder = join(this.#tools.context.folder, "tmp", randomBytes(16).toString("hex"));
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await writeFile(join(folder, "script"), script, { mode: 0o755 });
      return await work([resolvedMount("bind", join(folder, "script"), scriptPath, ["bind", "ro"])]);
    } finally {
      await removeTree(folder);
    }
  }

  async #stepMounts({ mounts }: InstructionOf<"run">): Promise<readonly StepMount[]> {
    const parsed = runMounts(mounts, (text) => this.#variables.expand(text));
    return await Promise.all(
      parsed.map(async (mount) => {
        const target =
          mount.target ??
          (mount.type === "secret" ? `/run/secrets/${mount.id ?? ""}` : "/run/buildkit/ssh_agent.0");
        const destination = posix.resolve("/", this.#state.config.WorkingDir ?? "/", target);
        const needsFrom = mount.type === "bind" || (mount.type === "cache" && mount.from !== undefined);
        return { mount, destination, ...(needsFrom && { from: await this.#from(mount.from) }) };
      }),
    );
  }

  async #addLayer(entries: readonly LayerEntry[]): Promise<BuiltLayer | undefined> {
    const { context, lease, signal, epoch } = this.#tools;
    const latest = epoch === undefined ? undefined : { seconds: epoch, nanoseconds: 0 };
    return await context.workshop.addLayer(
      chainOf(this.#state),
      layerArchive(entries, latest),
      lease,
      signal,
    );
  }

  async #solve(operation: Operation, perform: () => Promise<BuiltLayer | undefined>): Promise<Solved> {
    const { solver, lease, signal, usesCache, epoch } = this.#tools;
    const choice: CacheChoice = {
      isUsed: usesCache,
      import: (key) => this.#imported(operation.createdBy, key),
      ...(epoch !== undefined && { created: formatTime(BigInt(epoch) * 1_000_000_000n) }),
    };
    const solved = await solver.solve(operation, choice, lease, perform, signal);
    this.#tell(operation, solved);
    if (solved.isCached) {
      this.#tools.used(solver.keyOf(operation));
      await this.#sayCached();
    }
    return { ...solved, createdBy: operation.createdBy };
  }

  async #sayCached(): Promise<void> {
    this.#progress?.cached();
    await this.#say(" ---> Using cache\n");
  }

  /** How BuildKit's history names it; undefined for the classic one. */
  #copyText({ kind, flags, sources, inline, destination }: CopyInstruction): string | undefined {
    const { history } = this.#tools;
    if (history.comment === undefined) return undefined;
    const words = [
      kind === "add" ? "ADD" : "COPY",
      ...(flags.chown === undefined ? [] : [`--chown=${flags.chown}`]),
      ...(flags.chmod === undefined ? [] : [`--chmod=${flags.chmod}`]),
      ...sources,
      ...inline.map(({ name }) => `<<${name}`),
      destination,
    ];
    return history.copy("", words.map((word) => this.#variables.expand(word)).join(" "));
  }

  async #imported(createdBy: string, key: string): Promise<CachedResult | undefined> {
    for (const image of this.#tools.imports) {
      const found = image.next(this.#state, createdBy);
      if (found !== undefined) return found;
    }
    return await this.#fromSources(key);
  }

  /** A cache that cannot be read any more, or has something else than it says, is one that has nothing. */
  async #fromSources(key: string): Promise<CachedResult | undefined> {
    const { sources, lease, signal, context } = this.#tools;
    const { layers } = this.#state;
    for (const source of sources) {
      const found = source.find(key, layers);
      if (found?.layer === undefined) {
        if (found !== undefined) return { created: found.created };
        continue;
      }
      const { descriptor, diffId } = found.layer;
      const from = (offset: number) => source.read(descriptor, offset, signal);
      try {
        const parent = chainOf(this.#state);
        const layer = await context.workshop.takeLayer(parent, descriptor, diffId, from, lease, signal);
        return { created: found.created, layer, ...(found.same !== undefined && { same: found.same }) };
      } catch (error) {
        signal.throwIfAborted();
        if (!isFault(error) || isFault(error, "exhausted")) throw error;
        context.log.warn("a layer of a build cache cannot be had", { layer: descriptor.digest, error });
      }
    }
    return undefined;
  }

  /** Before the step is taken: its layer goes on top of what there is. */
  #tell(operation: Pick<Operation, "kind" | "inputs">, { created, layer, same }: Solved): void {
    const { solver, solved } = this.#tools;
    const layers = layer === undefined ? this.#state.layers : [...this.#state.layers, layer];
    const result = { created, layers, hasLayer: layer !== undefined };
    solved({ key: solver.keyOf(operation), ...result });
    if (same !== undefined) solved({ key: same, ...result });
  }

  #advance(solved: Solved, config?: StageState["config"]): void {
    const { comment } = this.#tools.history;
    this.#state = advance(this.#state, {
      ...solved,
      ...(config !== undefined && { config }),
      ...(comment !== undefined && { comment }),
    });
  }

  #now(): TarTime {
    const { epoch, context } = this.#tools;
    if (epoch !== undefined) return { seconds: epoch, nanoseconds: 0 };
    return { seconds: Number(context.now() / 1_000_000_000n), nanoseconds: 0 };
  }
}

/** A RUN may ask for less than the build has, or for the same. */
function networkOf(asked: string | undefined, build: string, entitlements: readonly string[] = []): string {
  if (asked === undefined || asked === "default") return build;
  if (asked === "host" && build !== "host" && !entitlements.includes("network.host"))
    throw new Fault("invalid", "network.host is not allowed: build with --network=host to let steps have it");
  return asked;
}
