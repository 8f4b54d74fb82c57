import { Fault } from "#base/fault.ts";

/** Everything that is kept about a volume; plain data, one JSON row of table `volumes`. */
export interface VolumeRecord {
  readonly name: string;
  /** Tells this volume from a later one of the same name. */
  readonly id: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>> | null;
  /** Of the driver `local`: `type`, `o`, `device`. */
  readonly options: Readonly<Record<string, string>> | null;
  /** The container that an anonymous volume was made for, until that is removed. */
  readonly madeFor?: string;
  /** Made for a container that has not started since: nobody's data is in it. */
  readonly isFresh?: true;
}

/** The label that marks volumes nobody named. */
export const anonymousLabel = "com.docker.volume.anonymous";

export function isAnonymous(record: VolumeRecord): boolean {
  return record.labels?.[anonymousLabel] !== undefined;
}

/** The only driver there is. @throws {Fault} `not-found` with Docker's text for another one */
export function checkDriver(name: string, driver: string | undefined): void {
  if (driver === undefined || driver === "" || driver === "local") return;
  throw new Fault(
    "not-found",
    `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
  );
}

/** @throws {Fault} `invalid` with Docker's text */
export function checkName(name: string): void {
  if (name.length === 1)
    throw new Fault(
      "invalid",
      `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name))
    throw new Fault(
      "invalid",
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  if (name.length > 255) throw new Fault("invalid", `create ${name}: file name too long`);
}

const requiredWith: Readonly<Record<string, readonly string[]>> = {
  type: ["device"],
  device: ["type"],
  o: ["device", "type"],
};

/** @throws {Fault} `invalid` with Docker's text */
export function checkOptions(name: string, options: Readonly<Record<string, string>>): void {
  const refuse = (reason: string) => new Fault("invalid", `create ${name}: ${reason}`);
  for (const [key, value] of Object.entries(options)) {
    if (key === "size") throw refuse("quota size requested but no quota support");
    const required = Object.hasOwn(requiredWith, key) ? requiredWith[key] : undefined;
    if (required === undefined) throw refuse(`invalid option: ${JSON.stringify(key)}`);
    for (const other of required)
      if (!Object.hasOwn(options, other)) throw refuse(`missing required option: ${JSON.stringify(other)}`);
    if (value.includes("\0")) throw refuse(`invalid value for option: ${JSON.stringify(key)}`);
  }
}

/** What the options of a volume ask to be mounted: a folder of the host's instead of the volume's, or a file system on it. */
export interface DriverMount {
  readonly type: string;
  readonly device: string;
  readonly options: readonly string[];
}

/** Undefined for a volume that is simply its folder. */
export function driverMountOf(record: VolumeRecord): DriverMount | undefined {
  const { type, device, o } = record.options ?? {};
  if (type === undefined || device === undefined) return undefined;
  const options = (o ?? "").split(",").filter((option) => option !== "");
  const isBind = type === "bind" || options.includes("bind") || options.includes("rbind");
  if (!isBind) return { type, device, options };
  const hasBind = options.includes("bind") || options.includes("rbind");
  return { type: "bind", device, options: hasBind ? options : ["bind", ...options] };
}
