import { Fault } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Digest } from "#oci/digest.ts";
import { familiarReference, formatReference, type Reference } from "#oci/reference.ts";
import { evaluateContainers } from "./evaluate-containers.ts";
import { evaluateNotation } from "./evaluate-notation.ts";
import type { Subjects } from "./claim.ts";
import type { SignatureSource } from "./signature-source.ts";
import type { TrustPolicy } from "./trust-policy.ts";
import type { Verdict } from "./verdict.ts";

/** An image that somebody wants to use, under a name or, when it is meant by its ID, under all that it has. */
export interface Candidate {
  readonly manifest: Digest;
  /** Empty for an image without a name. One that is accepted is enough. */
  readonly names: readonly Reference[];
  readonly subjects: Subjects;
  /** Signatures that came with it, beside those of the sources. */
  readonly source?: SignatureSource;
}

export type TrustedUse = "load" | "pull" | "create" | "start" | "build" | "mount";

export interface TrustGateDeps {
  readonly readPolicy: () => TrustPolicy;
  readonly sources: readonly SignatureSource[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

const MAX_CACHED = 10_000;

/**
 * Lets images in, or not, as the policy says. Verdicts are kept by policy, manifest and name, so that the same image is verified
 * once; what is refused is verified again each time, because a signature may have come meanwhile.
 */
export class TrustGate {
  readonly #deps: TrustGateDeps;
  #policy: TrustPolicy;
  /** Until when what was accepted stays so, in milliseconds since 1970. */
  readonly #accepted = new Map<string, number>();

  /** @throws {Fault} `invalid` for a policy that makes no sense */
  constructor(deps: TrustGateDeps) {
    this.#deps = deps;
    this.#policy = deps.readPolicy();
  }

  get policy(): TrustPolicy {
    return this.#policy;
  }

  /** Reads the policy again. The old one stays in force when the new one makes no sense. @throws {Fault} `invalid` */
  reload(): void {
    this.#policy = this.#deps.readPolicy();
    this.#accepted.clear();
  }

  /** Whether the image was accepted under these names, and still is. */
  hasAccepted(manifest: Digest, names: readonly Reference[]): boolean {
    return (this.#accepted.get(keyOf(this.#policy.digest, manifest, names)) ?? 0) > this.#deps.now();
  }

  /** @throws {Fault} `forbidden` when the policy refuses the image; the log has a line about it either way, when it is new */
  async require(candidate: Candidate, use: TrustedUse, signal: AbortSignal): Promise<void> {
    const { manifest, names } = candidate;
    // What comes in has to bring what later uses of it need, also when the same came before.
    const comesIn = use === "load" || use === "pull";
    if (!comesIn && this.hasAccepted(manifest, names)) return;
    const key = keyOf(this.#policy.digest, manifest, names);
    const { log } = this.#deps;
    const verdict = await this.judge(candidate, signal);
    const fields = { use, manifest, names: names.map(formatReference), reason: verdict.reason };
    if (verdict.isTrusted) {
      log.info("image accepted by the trust policy", fields);
      if (this.#accepted.size >= MAX_CACHED) this.#accepted.clear();
      this.#accepted.set(key, verdict.until ?? Infinity);
      return;
    }
    log.warn("image refused by the trust policy", fields);
    const [first] = names;
    const what = first === undefined ? manifest : familiarReference(first);
    throw new Fault("forbidden", `image ${what} is refused by the trust policy: ${verdict.reason}`, {
      detail: { manifest },
    });
  }

  /** What the policy says of the image, without any effect. */
  async judge(candidate: Candidate, signal: AbortSignal): Promise<Verdict> {
    const { subjects, source } = candidate;
    const sources = source === undefined ? this.#deps.sources : [source, ...this.#deps.sources];
    let found: ReturnType<SignatureSource["find"]> | undefined;
    const evidence = {
      subjects,
      signatures: () => (found ??= collect(sources, subjects.digests, signal)),
      now: this.#deps.now(),
    };
    const { rules } = this.#policy;
    const names = candidate.names.length === 0 ? [undefined] : candidate.names;
    let last: Verdict = { isTrusted: false, reason: "" };
    for (const name of names) {
      last =
        rules.kind === "containers"
          ? await evaluateContainers(rules, name, evidence)
          : await evaluateNotation(rules, name, evidence);
      if (last.isTrusted) break;
    }
    return last;
  }
}

async function collect(
  sources: readonly SignatureSource[],
  subjects: readonly Digest[],
  signal: AbortSignal,
) {
  const found = await Promise.all(sources.map((source) => source.find(subjects, signal)));
  return found.flat();
}

function keyOf(policy: Digest, manifest: Digest, names: readonly Reference[]): string {
  return [policy, manifest, ...names.map(formatReference)].join(" ");
}
