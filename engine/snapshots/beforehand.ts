import type { Slots } from "#base/slots.ts";
import type { EarlyLayer } from "./snapshotter.ts";

/**
 * Does work on a layer that is not ready, as soon as there is something to work on and a slot for it. Undefined when the layer is
 * ready before its turn comes, and when the work fails although the layer turns out to be fine: then the work is to be done anew, on
 * what is there.
 *
 * @throws what `ready` rejects with, which ends the work, too
 */
export async function beforehand<T>(
  slots: Slots,
  { arrival, ready }: EarlyLayer,
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const isFirst = arrival === undefined || (await Promise.race([arrival.begun, ready.then(() => false)]));
  if (isFirst === false) return undefined;
  const inTime = new AbortController();
  const doomed = new AbortController();
  const late = () => inTime.abort();
  ready.then(late, (error: unknown) => {
    doomed.abort(error);
    late();
  });
  try {
    return await slots.run(
      () => work(AbortSignal.any([signal, doomed.signal])),
      AbortSignal.any([signal, inTime.signal]),
    );
  } catch {
    signal.throwIfAborted();
    await ready;
    return undefined;
  }
}
