import { Fault } from "#base/fault.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { MAX_DOCUMENT_BYTES } from "#oci/strict-json.ts";
import type { Reference } from "#oci/reference.ts";
import type { ContentStore } from "#engine/content/content-store.ts";
import type { FoundSignature, SignatureSource } from "#engine/trust/signature-source.ts";
import type { Candidate, TrustedUse, TrustGate } from "#engine/trust/trust-gate.ts";
import type { Verdict } from "#engine/trust/verdict.ts";
import type { ImageAdmission, MeantImage } from "./images.ts";
import type { ImageStore } from "./image-store.ts";
import type { PlannedSignatures } from "./oci-layout.ts";
import type { PlannedImage } from "./planned-image.ts";
import { findMeant } from "./resolve.ts";
import { subjectsOf } from "./stored-signatures.ts";

interface AdmissionDeps {
  readonly store: ImageStore;
  readonly content: ContentStore;
  /** Undefined when there is no policy: then everything is trusted. */
  readonly gate: TrustGate | undefined;
}

/** Asked before an image is unpacked or used. Costs nothing where there is no policy and no damage. */
export class Admission implements ImageAdmission {
  readonly #deps: AdmissionDeps;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  get gate(): TrustGate | undefined {
    return this.#deps.gate;
  }

  get hasPolicy(): boolean {
    return this.#deps.gate !== undefined;
  }

  /** @see ImageAdmission.using */
  using(image: MeantImage, use: TrustedUse, signal: AbortSignal): Promise<void> | undefined {
    const damage = this.#deps.store.damageOf(image.id);
    if (damage !== undefined)
      throw new Fault(
        "precondition",
        `image ${image.id} was found altered on disk (${damage.problems[0] ?? ""}): remove it and load or pull it again`,
      );
    const { gate } = this.#deps;
    if (gate === undefined) return undefined;
    return this.#require(gate, image, use, signal);
  }

  /** What the policy says, without any effect; undefined when there is none. */
  async judge(image: MeantImage, signal: AbortSignal): Promise<Verdict | undefined> {
    const { gate } = this.#deps;
    return await gate?.judge(await this.#candidateOf(image), signal);
  }

  /** Before anything of images that come in is unpacked. @throws {Fault} `forbidden` */
  async entering(
    images: readonly Pick<PlannedImage, "descriptor" | "indexes" | "names">[],
    signatures: readonly PlannedSignatures[],
    use: "load" | "pull",
    signal: AbortSignal,
  ): Promise<void> {
    const { gate, content } = this.#deps;
    if (gate === undefined) return;
    const source = new NewSignatures(signatures);
    for (const { descriptor, indexes = [], names } of images) {
      const digests = [descriptor.digest, ...indexes.map((index) => index.descriptor.digest)];
      const subjects = { digests, read: (digest: Digest) => content.read(digest, MAX_DOCUMENT_BYTES) };
      const candidate = { manifest: descriptor.digest, subjects, source };
      const each: readonly (readonly Reference[])[] = names.length === 0 ? [[]] : names.map((name) => [name]);
      for (const one of each) await gate.require({ ...candidate, names: one }, use, signal);
    }
  }

  async #require(gate: TrustGate, image: MeantImage, use: TrustedUse, signal: AbortSignal): Promise<void> {
    const names = this.#namesOf(image);
    if (gate.hasAccepted(parseDigest(image.manifest), names)) return;
    await this.#checkRecord(image);
    await gate.require(await this.#candidateOf(image), use, signal);
  }

  /** A signature is of the manifest; what is run is what the record says. @throws {Fault} `precondition` */
  async #checkRecord({ id }: MeantImage): Promise<void> {
    const { store, content } = this.#deps;
    const record = store.findById(parseDigest(id));
    if (record === undefined) return;
    const { recordProblems } = await import("./verify-image.ts");
    const [problem] = await recordProblems(content, record);
    if (problem !== undefined)
      throw new Fault("precondition", `image ${id} was found altered on disk: ${problem}`);
  }

  async #candidateOf(image: MeantImage): Promise<Candidate> {
    const { store, content } = this.#deps;
    const manifest = parseDigest(image.manifest);
    const subjects = {
      digests: await subjectsOf({ store, content }, manifest),
      read: (digest: Digest) => content.read(digest, MAX_DOCUMENT_BYTES),
    };
    return { manifest, names: this.#namesOf(image), subjects };
  }

  /** By ID an image is what it is under any of its names: whoever may use one of them may use it by ID. */
  #namesOf({ text, id }: MeantImage): readonly Reference[] {
    const digest = parseDigest(id);
    const meant = findMeant(text, digest);
    if (meant !== undefined) return [meant];
    return this.#deps.store.namesOf(digest).map(({ reference }) => reference);
  }
}

/** The signatures that came with images. */
class NewSignatures implements SignatureSource {
  readonly #planned: readonly PlannedSignatures[];

  constructor(planned: readonly PlannedSignatures[]) {
    this.#planned = planned;
  }

  async find(subjects: readonly Digest[]): Promise<readonly FoundSignature[]> {
    return this.#planned
      .filter(({ artifact }) => subjects.includes(artifact.subject))
      .flatMap(({ signatures }) => signatures);
  }
}
