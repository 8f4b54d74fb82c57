import type { Log } from "#base/log.ts";
import type { Clock } from "#base/time.ts";
import type { Distribution } from "#engine/images/distribution.ts";
import type { Images } from "#engine/images/images.ts";
import type { Pods } from "#engine/pods/pods.ts";
import type { HostFacts } from "#host/facts.ts";
import type { Streams } from "./streams.ts";

/** What the methods of the CRI need. */
export interface CriDeps {
  readonly pods: Pods;
  readonly images: Images;
  readonly distribution: Distribution;
  /** Whether Docker has a container, running or not, of the image with this ID. */
  readonly isUsedByDocker: (imageId: string) => boolean;
  readonly host: HostFacts;
  /** The host's name. */
  readonly hostName: string;
  /** Of this software. */
  readonly version: string;
  /** Names of runtime handlers, besides the one without a name. */
  readonly handlers: readonly string[];
  /** Where layers and writable folders are. */
  readonly snapshotRoot: string;
  readonly streams: Streams;
  readonly log: Log;
  readonly now: Clock;
}
