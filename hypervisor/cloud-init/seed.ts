import type { CloudInitData } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { writeIso } from "#base/iso9660.ts";

/** Whether a machine gets a seed. */
export function hasSeed({ userData, metaData }: CloudInitData): boolean {
  return userData !== "" || metaData !== "";
}

/**
 * The medium that cloud-init finds: the bytes as they were given, for they may be YAML, MIME or anything else. Without meta-data the
 * machine's uuid is its instance-id, so that cloud-init runs again in every clone.
 *
 * @throws {Fault} `invalid` for what is no standard base64
 * @see cloud-init, "NoCloud"
 */
export function writeSeed(data: CloudInitData, machineUUID: string): Uint8Array {
  const metaData = decodeBase64(data.metaData, "metaData");
  const ownMetaData = new TextEncoder().encode(`instance-id: ${machineUUID}\n`);
  return writeIso("cidata", [
    { name: "meta-data", bytes: metaData.length === 0 ? ownMetaData : metaData },
    { name: "user-data", bytes: decodeBase64(data.userData, "userData") },
  ]);
}

/** As the medium is called in the library. */
export function seedName(machineUUID: string): string {
  return `cloud-init-${machineUUID.slice(0, 8)}.iso`;
}

/** @throws {Fault} `invalid` */
export function checkSeed({ userData, metaData }: CloudInitData): void {
  decodeBase64(userData, "userData");
  decodeBase64(metaData, "metaData");
}

function decodeBase64(text: string, field: string): Uint8Array {
  const bare = text.replaceAll(/[\r\n]/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(bare) || bare.length % 4 !== 0)
    throw new Fault("invalid", `Property 'cloudInitData.${field}' must be base64`);
  return Uint8Array.fromBase64(bare);
}
