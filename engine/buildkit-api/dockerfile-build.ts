import { join } from "node:path";
import { Fault, isFault } from "#base/fault.ts";
import type { Builder, BuildRequest } from "#engine/build/builder.ts";
import type { Built } from "#engine/build/built.ts";
import { Spool } from "#engine/build/files/spool.ts";
import { type KeptContext, type KeptContexts, withoutKept } from "#engine/build/files/kept-contexts.ts";
import { emptyFolder, type FolderNode } from "#engine/build/files/tree.ts";
import type { CacheSource } from "#engine/build/cache-source.ts";
import type { NamedContext, StageTitle, StepProgress } from "#engine/build/front-end.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import { openContext } from "#engine/build/open-context.ts";
import { metadataFault, shownImage } from "#engine/build/base-image.ts";
import { type Answer, rangesOf } from "#engine/build/check/answers.ts";
import { answerAbout, type CheckSubject, DockerfileCheck } from "#engine/build/check/dockerfile-check.ts";
import { type CheckWarning, shortWarning } from "#oci/dockerfile/check/findings.ts";
import type { Stage } from "#oci/dockerfile/instruction.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import { formatPlatform, normalisePlatform, parsePlatform } from "#oci/platform.ts";
import type { Platform } from "#oci/platform.ts";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "#oci/reference.ts";
import { forwardAgent } from "./agent.ts";
import { parseAttestRequest } from "./attest-attributes.ts";
import { type BuildAttributes, parseAttributes } from "./attributes.ts";
import { buildError, buildMessage, type ErrorSource } from "./build-errors.ts";
import { importLayout } from "./client-layout.ts";
import { importCache } from "./cache-import.ts";
import { excludePatterns, topText, type Wanted, wantedFiles } from "./context-files.ts";
import { syncFiles, type SyncRequest } from "./file-sync.ts";
import type { Job } from "./jobs.ts";
import type { Vertex } from "./progress.ts";
import { credentialsOf } from "./registry-auth.ts";
import { PullParts } from "./pull-parts.ts";
import { findSecret } from "./secrets.ts";
import type { Session } from "./sessions.ts";
import { SharedParts } from "./shared-parts.ts";
import { mountedNames } from "./mounted-names.ts";
import { pinnedBase } from "./pinned-base.ts";
import { type BuildAccount, type PlatformImage, type Solved, solvedOf } from "./solved.ts";
import { receiveUpload, uploadHost } from "./upload.ts";

const maxPlatforms = 32;
const layoutScheme = "oci-layout://";

export interface DockerfileBuildDeps {
  readonly builder: Builder;
  readonly contexts: KeptContexts;
  readonly session: Session;
  readonly job: Job;
  /** Results of earlier builds of the job, by the name that stands for them. */
  readonly inputs: ReadonlyMap<string, Promise<Solved>>;
  readonly exchange: () => Promise<ContentExchange>;
  readonly platform: Platform;
  /** Undefined when the image is not here. */
  readonly findImage: (name: string) => ImageRecord | undefined;
}

/**
 * Reads the Dockerfile, and begins to build what the front end is asked for.
 *
 * @throws {RpcError} with the lines of the Dockerfile; {Fault} for what no lines are to blame for
 */
export async function buildDockerfile(
  deps: DockerfileBuildDeps,
  attributes: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<{ readonly built: Promise<Solved> }> {
  const asked = parseAttributes(attributes);
  if (asked.platforms.length > 1 && deps.job.onePlatform !== undefined)
    throw new Fault("invalid", deps.job.onePlatform);
  if (asked.platforms.length > maxPlatforms)
    throw new Fault("invalid", `too many platforms: at most ${maxPlatforms} in one build`);
  const attest = parseAttestRequest(attributes);
  const startedAt = deps.job.progress.now();
  const host = formatPlatform(deps.builder.platform);
  const wanted = asked.platforms.map((text) => formatPlatform(parsePlatform(text, deps.builder.platform)));
  const platforms = wanted.length === 0 ? [host] : [...new Set(wanted)];
  const shared = new SharedParts();
  const builds = platforms.map((_, index) => {
    const own = wanted.length > 1 ? { ...asked, platforms: platforms.slice(index, index + 1) } : asked;
    return new DockerfileBuild(deps, own, shared, wanted.length > 1 ? platforms[index] : undefined);
  });
  const [first] = builds;
  if (first === undefined) throw new TypeError("a build without a platform");
  const ready = Promise.withResolvers<void>();
  const running = runAll(builds, ready.resolve, signal);
  const built = running.then((all) => {
    const images = all.map(
      (one, index): PlatformImage => ({ platform: platforms[index] ?? host, built: one }),
    );
    const { ref } = deps.job;
    const { filename } = asked;
    const { pinned: namesOf } = shared;
    const account = { ref, attributes, filename, ...first.told, startedAt, platform: host, namesOf, attest };
    const isMulti = wanted.length > 1 || attributes.get("multi-platform") === "true";
    return solvedOf(images, isMulti, account);
  });
  void built.catch(ready.reject).finally(() => shared.dispose());
  await ready.promise;
  return { built };
}

/** Side by side; the first failure stops the others. @param ready called when the first one has read the Dockerfile */
async function runAll(
  builds: readonly DockerfileBuild[],
  ready: () => void,
  signal: AbortSignal,
): Promise<readonly Built[]> {
  const stop = new AbortController();
  const either = builds.length === 1 ? signal : AbortSignal.any([signal, stop.signal]);
  const running = builds.map((build) => build.run(ready, either));
  for (const one of running) one.catch((error: unknown) => stop.abort(error));
  const settled = await Promise.allSettled(running);
  const built = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (built.length === builds.length) return built;
  for (const one of built) await one[Symbol.asyncDispose]();
  signal.throwIfAborted();
  throw stop.signal.reason;
}

/**
 * Answers the question that a client has about a Dockerfile, without building it.
 *
 * @throws {RpcError} with the lines of the Dockerfile; {Fault} for what no lines are to blame for
 */
export async function askDockerfile(
  deps: DockerfileBuildDeps,
  attributes: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Answer> {
  const shared = new SharedParts();
  try {
    return await new DockerfileBuild(deps, parseAttributes(attributes), shared, undefined).ask(signal);
  } finally {
    shared.dispose();
  }
}

/** One build of a Dockerfile, for one platform. */
class DockerfileBuild {
  readonly #deps: DockerfileBuildDeps;
  readonly #asked: BuildAttributes;
  readonly #shared: SharedParts;
  /** In front of the names of steps; undefined where there is one only. */
  readonly #platform: string | undefined;
  readonly #lines = new WeakMap<object, Lines>();
  readonly #contexts = new Map<string, Promise<NamedContext | undefined>>();
  readonly #stepsOf = new Map<number, number>();
  #source: ErrorSource | undefined;
  #names: Pick<BuildAccount, "secrets" | "agents"> = { secrets: [], agents: [] };

  constructor(
    deps: DockerfileBuildDeps,
    asked: BuildAttributes,
    shared: SharedParts,
    platform: string | undefined,
  ) {
    this.#deps = deps;
    this.#asked = asked;
    this.#shared = shared;
    this.#platform = platform;
  }

  /** What it has read. */
  get told(): Pick<BuildAccount, "dockerfile" | "secrets" | "agents"> {
    return { dockerfile: this.#source?.text ?? "", ...this.#names };
  }

  /** @param ready called when the Dockerfile is read and makes sense */
  async run(ready: () => void, signal: AbortSignal): Promise<Built> {
    return await this.#blaming(() => this.#run(ready, signal), signal);
  }

  async ask(signal: AbortSignal): Promise<Answer> {
    return await this.#blaming(async () => {
      const files = await this.#files(signal);
      this.#source = { filename: this.#asked.filename, text: files.dockerfile };
      const subject = this.#subject(files.dockerfile, signal);
      return await answerAbout(this.#asked.request, subject, () => files.ignore(signal));
    }, signal);
  }

  /** What it throws has the lines of the Dockerfile with it. */
  async #blaming<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const lines = typeof error === "object" && error !== null ? this.#lines.get(error) : undefined;
      throw buildError(error, this.#source, lines);
    }
  }

  async #run(ready: () => void, signal: AbortSignal): Promise<Built> {
    const { builder, job } = this.#deps;
    const { filename, args, target, platforms } = this.#asked;
    const files = await this.#files(signal);
    this.#source = { filename, text: files.dockerfile };
    const check = new DockerfileCheck(this.#subject(files.dockerfile, signal));
    const plan = this.#readStages(check);
    this.#names = mountedNames(plan);
    this.#tellOfBases(plan);
    const ignore = await files.ignore(signal);
    const bases = plan.map(({ index }) => check.readBases(false).froms[index]?.image ?? "");
    const isFirst =
      check.findings.isStrict || (!this.#asked.pulls && bases.every((name) => this.#isHere(name)));
    if (isFirst) await this.#checkStages(check, ignore);
    ready();
    const caches = this.#shared.once("caches", () => this.#caches(signal));
    caches.catch(() => {}); // whoever waits for it is told
    const root = await files.context(this.#wanted(plan), ignore, signal);
    const request: BuildRequest = {
      dockerfile: files.dockerfile,
      dockerfileName: filename,
      root,
      args,
      labels: this.#asked.labels,
      target,
      tags: [],
      pulls: this.#asked.pulls,
      credentials: (domain) => credentialsOf(this.#deps.session, domain),
      usesCache: this.#asked.usesCache,
      uncachedStages: this.#asked.uncachedStages,
      cacheFrom: [],
      cacheSources: await caches,
      platform: platforms[0] ?? "",
      networkMode: this.#network(),
      limits: this.#asked.limits,
      frontEnd: {
        step: (stage, name) => this.#step(stage, name),
        located: (error, lines) => this.#locate(error, lines),
        context: (name, wanted, until) => this.#context(name, wanted, plan, until),
        secret: (id, until) => findSecret(this.#deps.session, id, until),
        agent: (id, path, until) => forwardAgent(this.#deps.session, id, path, until),
        hostname: this.#asked.hostname,
        entitlements: job.entitlements,
      },
    };
    try {
      return await builder.solve(request, { text: async () => {} }, signal);
    } finally {
      if (!isFirst && !signal.aborted) await this.#checkStages(check, ignore).catch(() => {});
    }
  }

  /** The stages that the target needs. */
  #readStages(check: DockerfileCheck): readonly Stage[] {
    try {
      const { stages } = check.readSyntax().dockerfile;
      return check.readBases(false).stages.flatMap((index) => stages[index] ?? []);
    } catch (error) {
      this.#blame(check, error);
      throw error;
    } finally {
      this.#warn(check.findings.warnings);
    }
  }

  /** @throws {Fault} for warnings that are errors */
  async #checkStages(check: DockerfileCheck, ignore: string): Promise<void> {
    const told = check.findings.warnings.length;
    try {
      await check.readStages(false, ignore);
      if (check.findings.failure !== undefined) throw check.findings.failure;
    } catch (error) {
      this.#blame(check, error);
      throw error;
    } finally {
      this.#warn(check.findings.warnings.slice(told));
    }
  }

  #blame(check: DockerfileCheck, error: unknown): void {
    const lines = check.linesOf(error);
    if (lines !== undefined) this.#locate(error, lines);
  }

  #warn(warnings: readonly CheckWarning[]): void {
    const { filename = "", text = "" } = this.#source ?? {};
    for (const warning of warnings) {
      const key = `warning ${JSON.stringify([warning.rule, warning.lines, shortWarning(warning)])}`;
      if (this.#shared.told.has(key)) continue;
      this.#shared.told.add(key);
      this.#shared.definition?.warn({
        level: 1,
        short: Buffer.from(shortWarning(warning)),
        detail: [Buffer.from(warning.rule.description)],
        url: warning.rule.url,
        info: { filename, data: Buffer.from(text), language: "Dockerfile" },
        ranges: rangesOf(warning.lines),
      });
    }
  }

  #subject(source: string, signal: AbortSignal): CheckSubject {
    const { builder, session } = this.#deps;
    const { filename, args, target, platforms, pulls } = this.#asked;
    const host = builder.platform;
    const [platform = ""] = platforms;
    return {
      source,
      name: filename,
      args,
      target,
      host,
      platform: platform === "" ? host : parsePlatform(platform, host),
      base: async (image, asked) => {
        const named = this.#contextValue(image);
        if (named !== undefined && !named.startsWith("docker-image://")) return {};
        const target = asked ?? (platform === "" ? host : parsePlatform(platform, host));
        const pinned = named === undefined ? await this.#pinned(image, target, signal) : undefined;
        const other = pinned?.kind === "image" ? pinned.name : image;
        const name = named?.slice("docker-image://".length) ?? other;
        const wanted = asked === undefined ? platform : formatPlatform(asked);
        try {
          const known = pulls ? undefined : this.#deps.findImage(name);
          const request = { pulls, credentials: (domain: string) => credentialsOf(session, domain) };
          return (known ?? (await builder.base(request, name, wanted, signal))).config.config ?? {};
        } catch (error) {
          throw isFault(error) ? metadataFault(image, error) : error;
        }
      },
    };
  }

  #isHere(image: string): boolean {
    return (
      image === "scratch" ||
      this.#contextValue(image) !== undefined ||
      this.#deps.findImage(image) !== undefined
    );
  }

  #openSpool(): Spool {
    const spool = new Spool(join(this.#deps.builder.folder, "tmp"));
    this.#shared.spools.push(spool);
    return spool;
  }

  /** What the client has sent of the folder before. A single file is not worth it. */
  #openKept({ name, follow = [] }: SyncRequest): KeptContext {
    const { session, contexts, builder } = this.#deps;
    const openSpool = () => new Spool(join(builder.folder, "tmp"));
    const isWorth =
      session.sharedKey !== "" && !follow.includes(".dockerignore") && name !== this.#asked.dockerfileKey;
    const kept = isWorth
      ? contexts.open(`${session.sharedKey} ${name}`, openSpool)
      : withoutKept(openSpool());
    this.#shared.spools.push(kept);
    return kept;
  }

  async #files(signal: AbortSignal) {
    return await this.#shared.once("files", () => this.#openFiles(signal));
  }

  /** The Dockerfile, and how to get the files of the context. */
  async #openFiles(signal: AbortSignal): Promise<{
    readonly dockerfile: string;
    readonly ignore: (signal: AbortSignal) => Promise<string>;
    readonly context: (wanted: Wanted, ignore: string, signal: AbortSignal) => Promise<FolderNode>;
  }> {
    const { filename, remote, contextKey } = this.#asked;
    if (remote !== "") return await this.#openRemote(signal);
    const own = await this.#dockerfileFolder(signal);
    const dockerfile = topText(own, filename) ?? this.#lowerCase(own);
    if (dockerfile === undefined)
      throw new Fault("invalid", `failed to read dockerfile: open ${filename}: no such file or directory`);
    const ownIgnore = topText(own, `${filename}.dockerignore`);
    return {
      dockerfile,
      ignore: async (until) => ownIgnore ?? (await this.#ignoreFile(contextKey, until)),
      context: (wanted, ignore, until) => this.#contextFolder(wanted, ignore, until),
    };
  }

  /** `dockerfile` where there is no `Dockerfile`. */
  #lowerCase(root: FolderNode): string | undefined {
    return this.#asked.filename === "Dockerfile" ? topText(root, "dockerfile") : undefined;
  }

  async #dockerfileFolder(signal: AbortSignal): Promise<FolderNode> {
    const { filename, dockerfileKey } = this.#asked;
    const follow = [
      filename,
      `${filename}.dockerignore`,
      ...(filename === "Dockerfile" ? ["dockerfile"] : []),
    ];
    return await this.#transfer(
      `[internal] load build definition from ${filename}`,
      "transferring dockerfile:",
      { name: dockerfileKey, follow },
      signal,
    );
  }

  async #ignoreFile(name: string, signal: AbortSignal): Promise<string> {
    const root = await this.#transfer(
      "[internal] load .dockerignore",
      "transferring context:",
      { name, follow: [".dockerignore"] },
      signal,
    );
    return topText(root, ".dockerignore") ?? "";
  }

  async #contextFolder(wanted: Wanted, ignore: string, signal: AbortSignal): Promise<FolderNode> {
    if (wanted.kind === "none") return emptyFolder();
    return await this.#transfer(
      "[internal] load build context",
      "transferring context:",
      {
        name: this.#asked.contextKey,
        exclude: excludePatterns(ignore),
        follow: wanted.kind === "some" ? wanted.paths : [],
      },
      signal,
    );
  }

  async #transfer(
    title: string,
    part: string,
    request: SyncRequest,
    signal: AbortSignal,
  ): Promise<FolderNode> {
    const key = JSON.stringify([title, request]);
    return await this.#shared.once(key, () => this.#transferOnce(title, part, request, signal));
  }

  async #transferOnce(
    title: string,
    part: string,
    request: SyncRequest,
    signal: AbortSignal,
  ): Promise<FolderNode> {
    const vertex = this.#deps.job.progress.vertex(title);
    this.#shared.definition ??= vertex;
    return await vertex.run(async () => {
      const transfer = vertex.part(part, "transferring");
      let bytes = 0;
      const moved = (count: number) => {
        bytes = count;
        transfer.moved(count);
      };
      const root = await syncFiles(this.#deps.session, request, this.#openKept(request), moved, signal);
      transfer.moved(bytes);
      transfer.done();
      return root;
    });
  }

  /** A context that is an address, or an archive on the client's standard input. */
  async #openRemote(signal: AbortSignal) {
    const { remote, filename, dockerfileKey } = this.#asked;
    const { session, job, builder } = this.#deps;
    const isUpload = uploadHost(remote);
    const vertex = job.progress.vertex(
      `[internal] load ${isUpload ? "remote build context" : "git source"} ${isUpload ? "" : remote}`.trim(),
    );
    this.#shared.definition ??= vertex;
    return await vertex.run(async () => {
      const opened = await openContext(
        {
          body: isUpload ? receiveUpload(session, remote, signal) : emptyBody(),
          remote: isUpload ? "" : remote,
          name: filename,
          openSpool: () => this.#openSpool(),
          folder: join(builder.folder, "tmp"),
        },
        signal,
      );
      const own = dockerfileKey === "dockerfile" ? undefined : await this.#dockerfileFolder(signal);
      const dockerfile = own === undefined ? opened.dockerfile : topText(own, filename);
      if (dockerfile === undefined)
        throw new Fault("invalid", `failed to read dockerfile: open ${filename}: no such file or directory`);
      return { dockerfile, ignore: async () => "", context: async () => opened.root };
    });
  }

  /** BuildKit looks every base up before it begins. */
  #tellOfBases(stages: readonly Stage[]): void {
    const names = new Set(stages.map(({ from }) => from.name));
    const shown = this.#shared.told;
    for (const { from } of stages) {
      const { image } = from;
      const isOther = image === "scratch" || image.includes("$") || names.has(image.toLowerCase());
      if (
        isOther ||
        this.#asked.contexts.has(image) ||
        this.#deps.findImage(image) === undefined ||
        shown.has(`base ${image}`)
      )
        continue;
      shown.add(`base ${image}`);
      const name = formatReference(withDefaultTag(parseReference(image)));
      this.#deps.job.progress.vertex(`[internal] load metadata for ${name}`).start().done();
    }
  }

  /** What triggers of the base images want is not looked into. */
  #wanted(stages: readonly Stage[]): Wanted {
    const isTriggered = stages.some(
      ({ from }) => (this.#deps.findImage(from.image)?.config.config?.OnBuild ?? []).length > 0,
    );
    return isTriggered ? { kind: "all" } : wantedFiles(stages, undefined);
  }

  async #caches(signal: AbortSignal): Promise<readonly CacheSource[]> {
    const { session, exchange, job, platform, findImage, builder } = this.#deps;
    const configOf = (image: ImageRecord) => builder.configOf(image);
    const deps = { session, exchange, platform, progress: job.progress, findImage, configOf };
    const opened = (connection: Disposable) => void this.#shared.spools.push(connection);
    if (!this.#asked.usesCache) return [];
    const sources = await Promise.all(
      this.#asked.cacheFrom.map((entry) => importCache(deps, entry, opened, signal)),
    );
    return sources.filter((source) => source !== undefined);
  }

  #network(): string {
    const { networkMode } = this.#asked;
    if (networkMode === "host" && !this.#deps.job.entitlements.includes("network.host"))
      throw new Fault(
        "forbidden",
        "granting entitlement network.host is not allowed by build daemon configuration",
      );
    return networkMode;
  }

  #step({ index, name, steps }: StageTitle, text: string): StepProgress {
    const at = (this.#stepsOf.get(index) ?? 0) + 1;
    this.#stepsOf.set(index, at);
    const count = `${String(at).padStart(String(steps).length)}/${steps}`;
    const words = [this.#platform, name, count].filter((word) => word !== undefined && word !== "");
    const vertex: Vertex = this.#deps.job.progress.vertex(`[${words.join(" ")}] ${text}`);
    vertex.start();
    const layers = new PullParts(vertex);
    return {
      pulling: (progress) => layers.take(progress),
      cached: () => vertex.cached(),
      wrote: (bytes, isError) => vertex.log(bytes, isError ? 2 : 1),
      done: () => vertex.done(),
      failed: (error) => vertex.failed(isFault(error) ? new Fault(error.kind, buildMessage(error)) : error),
    };
  }

  #locate(error: unknown, lines: Lines): void {
    if (typeof error === "object" && error !== null && !this.#lines.has(error)) this.#lines.set(error, lines);
  }

  async #context(
    name: string,
    platform: Platform | undefined,
    stages: readonly Stage[],
    signal: AbortSignal,
  ): Promise<NamedContext | undefined> {
    const value = this.#contextValue(name);
    if (value === undefined) return await this.#pinned(name, platform, signal);
    const known = this.#contexts.get(name) ?? this.#openNamed(name, value, stages, signal);
    this.#contexts.set(name, known);
    return await known;
  }

  /** Images of one name for several platforms cannot all have it here: those of the others go by their digests. */
  async #pinned(
    name: string,
    platform: Platform | undefined,
    signal: AbortSignal,
  ): Promise<NamedContext | undefined> {
    if (this.#platform === undefined || platform === undefined) return undefined;
    const { job, session, exchange, findImage, builder } = this.#deps;
    const here = findImage(name);
    const key = formatPlatform(platform);
    if (here === undefined && key === formatPlatform(builder.platform)) return undefined;
    if (here !== undefined && formatPlatform(normalisePlatform(here.config)) === key) return undefined;
    return await this.#shared.once(`pinned ${key} ${name}`, async () => {
      const vertex = job.progress.vertex(`[${key} internal] load metadata for ${shownImage(name)}`);
      const pinned = await vertex.run(
        async () => await pinnedBase({ session, exchange }, name, platform, signal),
      );
      if (pinned === undefined) return undefined;
      this.#shared.pinned.set(pinned, name);
      return { kind: "image", name: pinned, shown: name };
    });
  }

  /** By its name as it stands, or by that of the image that it stands for. */
  #contextValue(name: string): string | undefined {
    const { contexts } = this.#asked;
    if (contexts.size === 0) return undefined;
    const found = contexts.get(name) ?? contexts.get(name.toLowerCase());
    if (found !== undefined) return found;
    try {
      const reference = withDefaultTag(parseReference(name));
      return contexts.get(familiarReference(reference)) ?? contexts.get(formatReference(reference));
    } catch {
      return undefined;
    }
  }

  async #openNamed(
    name: string,
    value: string,
    stages: readonly Stage[],
    signal: AbortSignal,
  ): Promise<NamedContext> {
    if (value.startsWith("docker-image://")) {
      const image = value.slice("docker-image://".length);
      const { progress } = this.#deps.job;
      progress.vertex(`[context ${name}] load metadata for ${image}`).start().done();
      const vertex = progress.vertex(`[context ${name}] ${image}`).start();
      vertex.cached();
      vertex.done();
      return { kind: "image", name: image };
    }
    if (value.startsWith("local:"))
      return await this.#openLocal(name, value.slice("local:".length), stages, signal);
    if (value.startsWith(layoutScheme)) {
      const vertex = this.#deps.job.progress.vertex(`[context ${name}] ${value}`);
      const address = value.slice(layoutScheme.length);
      return await vertex.run(async () => ({
        kind: "image",
        name: await importLayout(this.#deps, address, signal),
      }));
    }
    if (value.startsWith("input:")) {
      const built = this.#deps.inputs.get(value.slice("input:".length));
      if (built === undefined) throw new Fault("invalid", `invalid input ${value} for build context ${name}`);
      return { kind: "image", name: await imageFor(await built, this.#platform).commit([], signal) };
    }
    if (/^(https?|git|ssh):\/\/|^git@/.test(value)) {
      const vertex = this.#deps.job.progress.vertex(`[context ${name}] ${value}`);
      return await vertex.run(async () => ({ kind: "files", root: await this.#fetch(value, signal) }));
    }
    throw new Fault("not-implemented", `unsupported context source ${value.split(":", 1)[0]} for ${name}`);
  }

  async #openLocal(
    name: string,
    folder: string,
    stages: readonly Stage[],
    signal: AbortSignal,
  ): Promise<NamedContext> {
    const ignored = await this.#transfer(
      `[context ${name}] load .dockerignore`,
      `transferring ${name}:`,
      { name: folder, follow: [".dockerignore"] },
      signal,
    );
    const wanted = wantedFiles(stages, name.toLowerCase());
    const request = {
      name: folder,
      exclude: excludePatterns(topText(ignored, ".dockerignore") ?? ""),
      follow: wanted.kind === "some" ? wanted.paths : [],
    };
    const title = `[context ${name}] load from client`;
    return {
      kind: "files",
      root: await this.#transfer(title, `transferring ${name}:`, request, signal),
    };
  }

  async #fetch(address: string, signal: AbortSignal): Promise<FolderNode> {
    const { RemoteSources, isGit } = await import("#engine/build/remote/remote-sources.ts");
    const { isArchive, unpackFile } = await import("#engine/build/sources.ts");
    const sources = new RemoteSources(() => this.#openSpool(), join(this.#deps.builder.folder, "tmp"));
    if (isGit(address)) return await sources.clone(address, false, signal);
    const file = await sources.download(address, signal);
    if (!(await isArchive(file))) throw new Fault("invalid", `${address} is no archive`);
    return await unpackFile(file, this.#openSpool());
  }
}

/** Of a result for several platforms, the one for this one. */
function imageFor({ images, ...whole }: Solved, platform: string | undefined): Pick<Built, "commit"> {
  return images.find((image) => image.platform === platform)?.built ?? whole;
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
