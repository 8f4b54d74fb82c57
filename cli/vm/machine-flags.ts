import { existsSync, readFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import type { HypercoreClient } from "#client/hypercore/hypercore-client.ts";
import { type FlagTable, type FlagValues, list, number, text } from "../flags.ts";
import { checkBytes, parseBytes } from "../options/quantities.ts";
import { ensureUploaded, findImage, formatOf, type UploadedImage } from "./library.ts";
import { ownPublicKey, readPublicKey } from "./ssh-key.ts";

/** What a machine is made of; of `create` and `deploy`. */
export const hardwareFlags = {
  memory: text("bytes", "Memory", "m", { check: checkBytes, shownDefault: "1g" }),
  cpus: number("int", "Virtual CPUs", undefined, { shownDefault: "1" }),
  disk: text("bytes", "Size of its disk, at least that of the image", undefined, { check: checkBytes }),
  firmware: text("string", "bios, uefi, tpm or tpm-compatible", undefined, {
    complete: ["bios", "uefi", "tpm", "tpm-compatible"],
    shownDefault: "bios",
  }),
  vlan: list("list", "A NIC in this VLAN; 0 is the network with DHCP", undefined, { shownDefault: "0" }),
  "ssh-key": list("FILE", "A public key to let in, beside this instance's own", undefined, {
    complete: "file",
  }),
  tag: list("list", "A tag"),
  description: text("string", "What it is for"),
} as const satisfies FlagTable;

export type HardwareValues = FlagValues<typeof hardwareFlags>;

const usualMemory = 2 ** 30;

/** The parts that the flags say, as the API takes them. @throws {Fault} `invalid` for what no machine can have */
export function hardwareOf(values: HardwareValues) {
  const { cpus = 1, description, vlan, tag } = values;
  const memory = values.memory === undefined ? usualMemory : parseBytes(values.memory);
  if (memory < 1 << 20) throw new Fault("invalid", "a machine needs memory: at least 1m");
  if (cpus < 1) throw new Fault("invalid", "a machine needs a CPU");
  return {
    mem: memory,
    numVCPU: cpus,
    ...(description !== undefined && { description }),
    ...(tag.length > 0 && { tags: tag.join(",") }),
    netDevs: (vlan.length === 0 ? ["0"] : vlan).map((text) => ({
      type: "VIRTIO" as const,
      vlan: parseVlan(text),
    })),
  };
}

function parseVlan(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 4094) throw new Fault("invalid", `there is no VLAN ${text}`);
  return Number(text);
}

/** Firmware keeps its variables, and a TPM what it knows, in devices of their own. */
export function firmwareDevices(firmware: string) {
  const bytes = 540_672;
  const nvram = { type: "NVRAM" as const, capacity: bytes };
  if (firmware === "bios") return [];
  if (firmware === "uefi") return [nvram];
  if (firmware === "tpm" || firmware === "tpm-compatible")
    return [nvram, { type: "VTPM" as const, capacity: bytes }];
  throw new Fault("invalid", `there is no firmware ${firmware}: use bios, uefi, tpm or tpm-compatible`);
}

/** A file is uploaded unless the library has its content; everything else names what is in the library. */
export async function imageOf(
  client: HypercoreClient,
  named: string,
  signal: AbortSignal,
): Promise<UploadedImage> {
  const isPath = existsSync(named) || named.includes("/");
  if (!isPath) return { image: await findImage(client, named, signal), isNew: false };
  formatOf(named);
  return await ensureUploaded(client, named, signal);
}

/** The keys that a machine lets in: the instance's own, and those of the flags. */
export async function publicKeysOf(
  { "ssh-key": files }: HardwareValues,
  root: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return [...new Set([await ownPublicKey(root, signal), ...files.map(readPublicKey)])];
}

/** A file's bytes in base64; empty without a file. */
export function encodedFile(path: string | undefined): string {
  return path === undefined ? "" : readFileSync(path).toString("base64");
}
