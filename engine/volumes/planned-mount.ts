interface Planned {
  /** Cleaned. */
  readonly destination: string;
  readonly isReadOnly: boolean;
  /** As inspect shows it. */
  readonly mode: string;
}

export interface PlannedBind extends Planned {
  readonly kind: "bind";
  readonly source: string;
  readonly propagation: string;
  readonly isRecursive: boolean;
  /** What read-only says about mounts below: they too if the kernel can, they too or fail, only this one. */
  readonly readOnlyBelow: "if-possible" | "always" | "never";
  readonly createsSource: boolean;
}

export interface PlannedVolume extends Planned {
  readonly kind: "volume";
  /** Absent for an anonymous one. */
  readonly name?: string;
  readonly driver: string;
  /** Filled from the image when it is empty. */
  readonly isFilled: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly driverOptions?: Readonly<Record<string, string>>;
  readonly subpath?: string;
}

export interface PlannedTmpfs extends Planned {
  readonly kind: "tmpfs";
  readonly options: readonly string[];
  /** Whether inspect lists it. */
  readonly isListed: boolean;
}

/** The file system of an image, read-only. */
export interface PlannedImage extends Planned {
  readonly kind: "image";
  /** As the request names it. */
  readonly image: string;
  readonly subpath?: string;
}

/** What a request says about one mount, checked and with every default filled in; nothing of it has been done. */
export type PlannedMount = PlannedBind | PlannedVolume | PlannedTmpfs | PlannedImage;
