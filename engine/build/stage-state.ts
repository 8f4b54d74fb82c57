import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import { imageIdOf } from "#engine/images/image-workshop.ts";
import type { Digest } from "#oci/digest.ts";
import type { ImageConfig, ImageHistory, ImageRuntimeConfig } from "#oci/image-config.ts";

/** What a stage has become so far: an image that is written down only when it is the last. Never changed in place. */
export interface StageState {
  readonly image: Omit<ImageConfig, "rootfs" | "history" | "config">;
  readonly config: ImageRuntimeConfig;
  readonly layers: readonly BuiltLayer[];
  readonly history: readonly ImageHistory[];
  /** Of the image that this still is: no step has been done yet. */
  readonly id?: Digest;
}

export function chainOf(state: StageState): Digest | undefined {
  return state.layers.at(-1)?.chainId;
}

export function imageConfigOf({ image, config, layers, history }: StageState): ImageConfig {
  return {
    ...image,
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history,
  };
}

/** As progress shows it; empty for nothing at all. */
export function shortId(state: StageState): string {
  if (state.id !== undefined) return state.id.slice("sha256:".length, "sha256:".length + 12);
  return state.layers.length === 0 && state.history.length === 0
    ? ""
    : imageIdOf(imageConfigOf(state)).slice("sha256:".length, "sha256:".length + 12);
}

/** One step on. A step without a layer is an entry of the history alone. */
export function advance(
  state: StageState,
  step: {
    readonly config?: ImageRuntimeConfig;
    readonly layer?: BuiltLayer;
    readonly created: string;
    readonly createdBy: string;
    /** BuildKit's history names itself, and no author. */
    readonly comment?: string;
  },
): StageState {
  const { layer, created, createdBy, comment } = step;
  const { author } = state.image;
  const entry = {
    created,
    created_by: createdBy,
    ...(author !== undefined && comment === undefined && { author }),
    ...(comment !== undefined && { comment }),
    ...(layer === undefined && { empty_layer: true }),
  };
  return {
    image: { ...state.image, created },
    config: step.config ?? state.config,
    layers: layer === undefined ? state.layers : [...state.layers, layer],
    history: [...state.history, entry],
  };
}
