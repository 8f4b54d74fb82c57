import type { Lease } from "#engine/gc/leases.ts";
import type { Platform } from "#oci/platform.ts";
import type { BuildContext } from "./build-deps.ts";
import { layerArchive } from "./files/layer-archive.ts";
import { nodesBelow, type FolderNode } from "./files/tree.ts";
import type { StageState } from "./stage-state.ts";

/** Files of the client as what a FROM begins with. @throws {Fault} `exhausted` for a full disk */
export async function contextStage(
  { workshop }: BuildContext,
  { os, architecture, variant }: Platform,
  root: FolderNode,
  lease: Lease,
  signal: AbortSignal,
): Promise<StageState> {
  const entries = [...nodesBelow(root)].map(({ path, node }) => {
    const { mode, uid, gid } = node;
    return { path, node, mode, uid, gid };
  });
  const layer = await workshop.addLayer(undefined, layerArchive(entries), lease, signal);
  const image = { os, architecture, ...(variant !== undefined && { variant }) };
  return {
    image,
    config: {},
    layers: layer === undefined ? [] : [layer],
    history: layer === undefined ? [] : [{ comment: "buildkit.dockerfile.v0" }],
  };
}
