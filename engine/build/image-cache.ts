import type { BuiltLayer } from "#engine/images/image-workshop.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import type { StageState } from "./stage-state.ts";

/** An image of `--cache-from`: as long as a build does what its history says, its layers are the results. */
export class ImageCache {
  readonly #image: ImageRecord;
  readonly #layers: readonly BuiltLayer[];

  constructor(image: ImageRecord, layers: readonly BuiltLayer[]) {
    this.#image = image;
    this.#layers = layers;
  }

  /** The image's next step, when it made the same of the same. */
  next(
    state: StageState,
    createdBy: string,
  ): { readonly created: string; readonly layer?: BuiltLayer } | undefined {
    const history = this.#image.config.history ?? [];
    const done = state.history.length;
    const step = history[done];
    if (step?.created === undefined || step.created_by !== createdBy) return undefined;
    const isSame = state.history.every((entry, index) => entry.created_by === history[index]?.created_by);
    if (!isSame || !state.layers.every(({ chainId }, index) => chainId === this.#layers[index]?.chainId))
      return undefined;
    const layer = step.empty_layer === true ? undefined : this.#layers[state.layers.length];
    return { created: step.created, ...(layer !== undefined && { layer }) };
  }
}
