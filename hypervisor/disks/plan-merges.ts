import type { LayerRecord } from "./layer-store.ts";

/** A still layer that is to have itself what those just below it have, which nothing else needs. */
export interface Merge {
  readonly layer: string;
  /** What it stands on then; nothing for a layer that has all of a disk. */
  readonly onto: string | undefined;
  /** Those that are needed no more. */
  readonly through: readonly string[];
}

/** A merge copies what the uppermost has: not for every single one. */
export const longestRun = 8;

/**
 * What shortens chains in which snapshots have left layers that only the next one above needs. Layers that are written are left
 * alone, so that chains have at most {@link longestRun} more than there are things that need them.
 *
 * @param held what something needs as it is
 * @param written the topmost ones of disks, held as well
 */
export function planMerges(
  layers: readonly LayerRecord[],
  held: ReadonlySet<string>,
  written: ReadonlySet<string>,
): readonly Merge[] {
  const byUuid = new Map(layers.map((layer) => [layer.uuid, layer]));
  const above = Map.groupBy(layers, ({ parent = "" }) => parent);
  const goesInto = (uuid: string): string | undefined => {
    const [only, ...others] = above.get(uuid) ?? [];
    if (held.has(uuid) || only === undefined || others.length > 0 || written.has(only.uuid)) return undefined;
    return only.uuid;
  };
  return layers.flatMap(({ uuid, parent }) => {
    if (goesInto(uuid) !== undefined || written.has(uuid)) return [];
    const through: string[] = [];
    let at = parent;
    for (; at !== undefined && goesInto(at) !== undefined; at = byUuid.get(at)?.parent) through.push(at);
    return through.length < longestRun ? [] : [{ layer: uuid, onto: at, through }];
  });
}
