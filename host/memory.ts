import { trimHeap } from "./sys.ts";

type Collect = (options: { readonly type: "major"; readonly execution: "async" }) => Promise<void>;

/**
 * Gives back what work left behind. V8 collects by need and an idle daemon has none; and what it frees stays with malloc: 50 MB
 * after an image was loaded. Collects only where Node runs with `--expose-gc`.
 */
export async function releaseMemory(): Promise<void> {
  const { gc } = globalThis as { readonly gc?: Collect };
  // The first collection finds the buffers; by the end of the second they are freed.
  for (let i = 0; i < 2; i++) await gc?.({ type: "major", execution: "async" });
  trimHeap();
}
