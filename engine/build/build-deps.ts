import type { Log } from "#base/log.ts";
import type { Clock } from "#base/time.ts";
import type { Distribution } from "#engine/images/distribution.ts";
import type { ImageResolver } from "#engine/images/images.ts";
import type { ImageWorkshop } from "#engine/images/image-workshop.ts";
import type { Networks } from "#engine/network/networks.ts";
import type { IdRanges } from "#engine/runtime/id-ranges.ts";
import type { Launcher } from "#engine/runtime/launcher.ts";
import type { LayeredFiles } from "#engine/runtime/layered-file.ts";
import type { EnginePaths } from "#engine/runtime/paths.ts";
import type { Snapshotter } from "#engine/snapshots/snapshotter.ts";
import type { Platform } from "#oci/platform.ts";
import type { CacheStore } from "./cache-store.ts";

/** What everything in this folder shares. Built once by the daemon. */
export interface BuildDeps {
  readonly paths: EnginePaths;
  readonly images: ImageResolver;
  readonly distribution: Pick<Distribution, "pull">;
  readonly workshop: ImageWorkshop;
  readonly snapshots: Snapshotter;
  readonly networks: Networks;
  readonly launcher: Launcher;
  readonly idRanges: IdRanges;
  /** Whether steps have user namespaces, as containers have. */
  readonly isRemapped: boolean;
  readonly cache: CacheStore;
  readonly platform: Platform;
  readonly log: Log;
  readonly now: Clock;
}

/** {@link BuildDeps} with what the builder makes for itself. */
export interface BuildContext extends BuildDeps {
  /** Looks into unpacked layers. */
  readonly files: LayeredFiles;
  /** `<root>/build`: what of a build lies on disk while it runs, and cache mounts. */
  readonly folder: string;
}
