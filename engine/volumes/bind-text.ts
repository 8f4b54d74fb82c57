import type { MountRequest } from "#api/docker/container.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { isPropagation, parseMountRequest } from "./mount-request.ts";
import type { PlannedMount } from "./planned-mount.ts";

type WordKind = "access" | "label" | "propagation" | "copy" | "consistency";

const wordKinds: Readonly<Record<string, WordKind>> = {
  rw: "access",
  ro: "access",
  z: "label",
  Z: "label",
  nocopy: "copy",
  consistent: "consistency",
  cached: "consistency",
  delegated: "consistency",
};

/**
 * Parses one entry of `HostConfig.Binds`: `target`, `source:target` or `source:target:mode`. An absolute source is a folder or
 * file of the host, another one the name of a volume, whose characters are not looked at here.
 *
 * @throws {Fault} `invalid` with Docker's texts
 */
export function parseBind(raw: string, volumeDriver: string): PlannedMount {
  const parts = raw.split(":");
  const [first = "", second, third = ""] = parts;
  if (first === "" || parts.length > 3) throw invalidSpecification(raw);
  if (parts.length === 2 && parseMode(second ?? "") !== undefined) throw invalidSpecification(raw);
  const mode = parseMode(third);
  if (mode === undefined) throw invalidMode(third);
  try {
    const request = requestOf(second === undefined ? "" : first, second ?? first, mode, volumeDriver);
    const planned = parseMountRequest(request);
    if (planned.kind === "bind") return { ...planned, mode: third, createsSource: true };
    return third === "" ? planned : { ...planned, mode: third };
  } catch (error) {
    throw new Fault("invalid", `invalid volume specification: '${raw}': ${messageOf(error)}`);
  }
}

/** Parses one entry of `HostConfig.VolumesFrom`: `container` or `container:mode`. @throws {Fault} `invalid` */
export function parseVolumesFrom(text: string): { readonly container: string; readonly isReadOnly: boolean } {
  if (text === "") throw new Fault("invalid", "volumes-from specification cannot be an empty string");
  const colon = text.indexOf(":");
  const container = colon < 0 ? text : text.slice(0, colon);
  const modeText = colon < 0 ? "" : text.slice(colon + 1);
  const mode = parseMode(modeText);
  if (mode === undefined || mode.has("propagation") || mode.has("copy")) throw invalidMode(modeText);
  return { container, isReadOnly: mode.get("access") === "ro" };
}

/** The words of a mode by kind, each kind once; undefined when it is not a mode. */
function parseMode(text: string): ReadonlyMap<WordKind, string> | undefined {
  const words = new Map<WordKind, string>();
  if (text === "") return words;
  for (const word of text.split(",")) {
    const kind = isPropagation(word)
      ? "propagation"
      : Object.hasOwn(wordKinds, word)
        ? wordKinds[word]
        : undefined;
    if (kind === undefined || words.has(kind)) return undefined;
    words.set(kind, word);
  }
  return words;
}

function requestOf(
  source: string,
  target: string,
  mode: ReadonlyMap<WordKind, string>,
  volumeDriver: string,
): MountRequest {
  const isBind = source.startsWith("/");
  const propagation = mode.get("propagation");
  const driver = !isBind && volumeDriver !== "" ? { DriverConfig: { Name: volumeDriver } } : {};
  const copy = mode.has("copy") ? { NoCopy: true } : {};
  return {
    Type: isBind ? "bind" : "volume",
    Source: source,
    Target: target,
    ReadOnly: mode.get("access") === "ro",
    ...(propagation === undefined ? {} : { BindOptions: { Propagation: propagation } }),
    ...(mode.has("copy") || "DriverConfig" in driver ? { VolumeOptions: { ...driver, ...copy } } : {}),
  };
}

function invalidSpecification(raw: string): Fault {
  return new Fault("invalid", `invalid volume specification: '${raw}'`);
}

function invalidMode(mode: string): Fault {
  return new Fault("invalid", `invalid mode: ${mode}`);
}
