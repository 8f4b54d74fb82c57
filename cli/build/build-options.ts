/** What a user wants built, whichever way it was said: by flags, a bake file, or a compose file. */
export interface BuildOptions {
  /** A folder, an address, or `-` for standard input. */
  readonly context: string;
  /** Its path, or `-`; the folder's own when there is none. */
  readonly dockerfile?: string | undefined;
  readonly dockerfileInline?: string | undefined;
  readonly target?: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  readonly contexts: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly platforms: readonly string[];
  readonly noCache: boolean;
  readonly noCacheFilter: readonly string[];
  readonly pull: boolean;
  readonly network?: string | undefined;
  readonly addHosts: readonly string[];
  /** Bytes. */
  readonly shmSize?: number | undefined;
  readonly ulimits: readonly string[];
  readonly cgroupParent?: string | undefined;
  readonly secrets: readonly string[];
  readonly ssh: readonly string[];
  readonly entitlements: readonly string[];
  readonly outputs: readonly string[];
  readonly push: boolean;
  readonly load: boolean;
  readonly cacheFrom: readonly string[];
  readonly cacheTo: readonly string[];
  readonly annotations: readonly string[];
  /** Attributes of attestations, `attest:…`. */
  readonly attests: ReadonlyMap<string, string>;
}
