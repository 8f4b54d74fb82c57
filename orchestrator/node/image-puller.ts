import type { AuthConfig, PodSandboxConfig } from "#api/cri/messages.ts";
import type { Secret } from "#api/kube/types/core.ts";
import { messageOf } from "#base/fault.ts";
import { Slots } from "#base/slots.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import { Backoff } from "./backoff.ts";
import { pullPolicyOf, withTag } from "./image-reference.ts";
import { credentialsFor } from "./pull-secrets.ts";
import type { ImageUser } from "./security-context.ts";

export interface PulledImage {
  /** As containers are made from it. */
  readonly ref: string;
  readonly user: ImageUser;
}

/** Why an image cannot be had. @see reasons of waiting containers */
export class ImageProblem extends Error {
  override readonly name = "ImageProblem";
  readonly reason:
    | "ErrImagePull"
    | "ImagePullBackOff"
    | "ErrImageNeverPull"
    | "InvalidImageName"
    | "ImageInspectError";

  constructor(reason: ImageProblem["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface PullRequest {
  readonly image: string;
  readonly policy?: string;
  /** Of the pod: back-off is its own. */
  readonly podUid: string;
  readonly containerName: string;
  readonly secrets: readonly Secret[];
  readonly sandbox: PodSandboxConfig;
  readonly tell: (type: "Normal" | "Warning", reason: string, message: string) => void;
}

export interface PullerDeps {
  readonly cri: CriClient;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const [initialMs, longestMs] = [10_000, 300_000];

/** Brings images, one after the other, and waits longer and longer for those that do not come. */
export class ImagePuller {
  readonly #deps: PullerDeps;
  readonly #backoff: Backoff;
  readonly #slots = new Slots(1);
  /** When the last try of a key failed, and what was said. */
  readonly #failed = new Map<string, { readonly atMs: number; readonly message: string }>();

  constructor(deps: PullerDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff(initialMs, longestMs, deps.now);
  }

  /** Milliseconds until the image is tried again. */
  remainingMs(podUid: string, image: string): number {
    const key = `${podUid}/${image}`;
    const failed = this.#failed.get(key);
    return failed === undefined ? 0 : this.#backoff.remainingMs(key, failed.atMs);
  }

  forget(podUid: string): void {
    this.#backoff.forget(`${podUid}/`);
    for (const key of this.#failed.keys()) if (key.startsWith(`${podUid}/`)) this.#failed.delete(key);
  }

  /** @throws {ImageProblem} */
  async ensure(request: PullRequest, signal: AbortSignal): Promise<PulledImage> {
    const { image, tell } = request;
    if (image === "" || /\s/.test(image) || image.toLowerCase().split(/[:@]/)[0] !== image.split(/[:@]/)[0]) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
      tell("Warning", "InspectFailed", message);
      throw new ImageProblem("InvalidImageName", message);
    }
    const policy = request.policy ?? pullPolicyOf(request);
    const present = await this.#find(image, signal);
    if (present !== undefined && policy !== "Always") {
      tell(
        "Normal",
        "Pulled",
        `Container image "${image}" already present on machine and can be accessed by the pod`,
      );
      return present;
    }
    if (policy === "Never") {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      tell("Warning", "ErrImageNeverPull", message);
      throw new ImageProblem("ErrImageNeverPull", message);
    }
    return await this.#pull(request, signal);
  }

  async #pull(request: PullRequest, signal: AbortSignal): Promise<PulledImage> {
    const { image, podUid, tell } = request;
    const key = `${podUid}/${image}`;
    const failed = this.#failed.get(key);
    if (failed !== undefined && this.#backoff.remainingMs(key, failed.atMs) > 0) {
      tell("Normal", "BackOff", `Back-off pulling image "${image}"`);
      throw new ImageProblem(
        "ImagePullBackOff",
        `Back-off pulling image "${image}": ErrImagePull: ${failed.message}`,
      );
    }
    tell("Normal", "Pulling", `Pulling image "${image}"`);
    const askedMs = this.#deps.now();
    try {
      const [ref, pullMs] = await this.#slots.run(async () => {
        const begunMs = this.#deps.now();
        const pulled = await this.#pullOnce(request, signal);
        return [pulled, this.#deps.now() - begunMs] as const;
      }, signal);
      this.#failed.delete(key);
      const found = await this.#find(ref, signal);
      const size = found?.size ?? 0;
      const waited = this.#deps.now() - askedMs;
      tell(
        "Normal",
        "Pulled",
        `Successfully pulled image "${image}" in ${seconds(pullMs)} (${seconds(waited)} including waiting). Image size: ${size} bytes.`,
      );
      return { ref, user: found?.user ?? {} };
    } catch (error) {
      signal.throwIfAborted();
      const message = messageOf(error);
      tell("Warning", "Failed", `Failed to pull image "${image}": ${message}`);
      tell("Warning", "Failed", "Error: ErrImagePull");
      this.#failed.set(key, { atMs: this.#deps.now(), message });
      this.#backoff.next(key, this.#deps.now());
      throw new ImageProblem("ErrImagePull", message);
    }
  }

  /** Tries every credential there is, the last failure counts. */
  async #pullOnce({ image, secrets, sandbox }: PullRequest, signal: AbortSignal): Promise<string> {
    const attempts: readonly (AuthConfig | undefined)[] = [...credentialsFor(image, secrets), undefined];
    let failure: unknown;
    for (const auth of attempts.length > 1 ? attempts.slice(0, -1) : attempts) {
      try {
        const answer = await this.#deps.cri.images.pullImage(
          {
            image: { image: withTag(image) },
            ...(auth === undefined ? {} : { auth }),
            sandboxConfig: sandbox,
          },
          signal,
        );
        return answer.imageRef;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #find(
    image: string,
    signal: AbortSignal,
  ): Promise<(PulledImage & { readonly size: number }) | undefined> {
    const name = image.startsWith("sha256:") ? image : withTag(image);
    const answer = await this.#deps.cri.images.imageStatus({ image: { image: name } }, signal);
    const found = answer.image;
    if (found?.id === undefined || found.id === "") return undefined;
    const uid = found.uid?.value;
    const username = found.username ?? "";
    return {
      ref: found.id,
      size: Number(found.size ?? 0),
      user: {
        ...(found.uid === undefined ? {} : { uid: uid ?? 0 }),
        ...(username === "" ? {} : { username }),
      },
    };
  }
}

/** As Go writes a duration, to the millisecond. */
function seconds(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${ms / 1000}s`;
}
