/** What to read of a container's log. @see Docker Engine API v1.51, GET /containers/{id}/logs */
export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Nanoseconds since 1970, inclusive. */
  readonly since?: bigint;
  /** Nanoseconds since 1970, inclusive. */
  readonly until?: bigint;
  /** Whole lines from the end; absent means all. */
  readonly tail?: number;
  readonly timestamps: boolean;
  readonly follow: boolean;
  /** `multiplexed`: every chunk behind an 8-byte header (stdcopy); `raw` for containers with a tty. */
  readonly framing: "multiplexed" | "raw";
  /** Text put in front of each line (labels and env that `details` asks for), with its trailing space. */
  readonly prefix?: string;
}

/** A json-file log: `path`, then older ones as `path.1`, `path.2`, … @see docs/formats/log.md */
export interface LogFile {
  readonly path: string;
  /** Settles when the writer is done, so that following ends once everything is read. */
  readonly ended: Promise<void>;
}
