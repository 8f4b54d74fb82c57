import { formatReference } from "#oci/reference.ts";
import type { FoundSignature } from "#engine/trust/signature-source.ts";
import type { TrustPolicy } from "#engine/trust/trust-policy.ts";
import { refused, type Verdict } from "#engine/trust/verdict.ts";
import type { ImageDeps } from "./image-deps.ts";
import type { ImageRecord } from "./images.ts";
import { findMeant, resolveImage } from "./resolve.ts";
import { StoredSignatures, subjectsOf } from "./stored-signatures.ts";
import { verifyImage } from "./verify-image.ts";

/** What is known of an image's origin. */
export interface ImageOrigin {
  readonly image: ImageRecord;
  /** The canonical form of the name by which it was asked for, or one that it has; undefined when it has none. */
  readonly reference: string | undefined;
  /** Digests that a signature may be of: the manifest's and those of indexes that lead to it. */
  readonly subjects: readonly string[];
  readonly signatures: readonly FoundSignature[];
}

/** For those who ask about trust, beside those who have to. */
export class ImageTrust {
  readonly #deps: ImageDeps;

  constructor(deps: ImageDeps) {
    this.#deps = deps;
  }

  /** Undefined when there is none in force. */
  get policy(): TrustPolicy | undefined {
    return this.#deps.admission.gate?.policy;
  }

  /** What the policy says, or that the image was altered; undefined without a policy. @throws {Fault} `not-found` */
  async judge(name: string, signal: AbortSignal): Promise<Verdict | undefined> {
    const { id, manifest } = resolveImage(this.#deps.store, name);
    const damage = this.#deps.store.damageOf(id);
    if (damage !== undefined)
      return refused(`it was found altered on disk at ${damage.foundAt}: ${damage.problems[0] ?? ""}`);
    return await this.#deps.admission.judge({ text: name, id, manifest }, signal);
  }

  /** @throws {Fault} `not-found` */
  async originOf(name: string, signal: AbortSignal): Promise<ImageOrigin> {
    const image = resolveImage(this.#deps.store, name);
    const meant = findMeant(name, image.id) ?? this.#deps.store.namesOf(image.id)[0]?.reference;
    const subjects = await subjectsOf(this.#deps, image.manifest);
    const signatures = await new StoredSignatures(this.#deps).find(subjects, signal);
    return { image, reference: meant && formatReference(meant), subjects, signatures };
  }

  /** @see verifyImage @throws {Fault} `not-found` */
  async verify(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly problems: readonly string[] }> {
    const image = resolveImage(this.#deps.store, name);
    return { id: image.id, problems: await verifyImage(this.#deps, image, signal) };
  }
}
