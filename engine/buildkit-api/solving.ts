import { Fault, isFault } from "#base/fault.ts";
import type { Builds } from "#engine/build/build-service.ts";
import type { KeptContexts } from "#engine/build/files/kept-contexts.ts";
import type { ContentExchange } from "#engine/images/content-exchange.ts";
import type { ImageResolver } from "#engine/images/images.ts";
import type { Platform } from "#oci/platform.ts";
import type { DockerfileBuildDeps } from "./dockerfile-build.ts";
import type { Job } from "./jobs.ts";
import type { Solved } from "./solved.ts";
import type { Sessions } from "./sessions.ts";

export interface SolvingDeps {
  readonly builds: Builds;
  readonly contexts: KeptContexts;
  readonly exchange: () => Promise<ContentExchange>;
  readonly platform: Platform;
  readonly sessions: Sessions;
  readonly images: Pick<ImageResolver, "resolve">;
}

/** Runs front ends: what makes a build of a client's request. */
export class Solving {
  readonly #deps: SolvingDeps;

  constructor(deps: SolvingDeps) {
    this.#deps = deps;
  }

  /**
   * Settles when the Dockerfile is read, and the build goes on: its result is the job's, by the ID that is returned.
   *
   * @param inputs results of the job by the names that the request has for them
   * @throws {Fault} `not-found` for another front end than that of Dockerfiles
   */
  async solve(
    job: Job,
    frontend: string,
    attributes: ReadonlyMap<string, string>,
    inputs: ReadonlyMap<string, Promise<Solved>>,
  ): Promise<string> {
    const deps = await this.#open(job, frontend, inputs);
    const { buildDockerfile } = await import("./dockerfile-build.ts");
    const { built } = await buildDockerfile(deps, attributes, job.signal);
    return job.keep(built);
  }

  /** What a client asks of a Dockerfile, by the names that it knows, instead of a build. @throws {Fault} as {@link Solving.solve} */
  async ask(
    job: Job,
    frontend: string,
    attributes: ReadonlyMap<string, string>,
  ): Promise<ReadonlyMap<string, string>> {
    const deps = await this.#open(job, frontend, new Map());
    const { askDockerfile } = await import("./dockerfile-build.ts");
    return await askDockerfile(deps, attributes, job.signal);
  }

  async #open(
    job: Job,
    frontend: string,
    inputs: ReadonlyMap<string, Promise<Solved>>,
  ): Promise<DockerfileBuildDeps> {
    if (frontend !== "dockerfile.v0")
      throw new Fault("not-found", `invalid frontend: ${frontend.slice(0, 200)}`);
    const { builds, contexts, exchange, platform, sessions, images } = this.#deps;
    const { signal } = job;
    const session = await sessions.get(job.session, signal);
    const findImage = (name: string) => {
      try {
        return images.resolve(name);
      } catch (error) {
        if (isFault(error)) return undefined;
        throw error;
      }
    };
    const builder = await builds.builder();
    return { builder, contexts, exchange, platform, session, job, inputs, findImage };
  }
}
