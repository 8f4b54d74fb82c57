import { Fault } from "#base/fault.ts";

export type FirmwareKind = "bios" | "uefi" | "tpm";

interface MachineType {
  readonly keyword: string;
  readonly firmware: FirmwareKind;
  /** The newest first. */
  readonly names: readonly string[];
}

const types: readonly MachineType[] = [
  {
    keyword: "bios",
    firmware: "bios",
    names: ["scale-bios-9.3", "scale-7.2", "scale-5.4", "scale-6.4", "bios-lsi-9.2"],
  },
  { keyword: "uefi", firmware: "uefi", names: ["scale-uefi-9.3", "scale-8.10"] },
  { keyword: "tpm", firmware: "tpm", names: ["scale-uefi-tpm-9.3", "scale-uefi-tpm-9.2"] },
  { keyword: "tpm-compatible", firmware: "tpm", names: ["scale-uefi-tpm-compatible-9.3"] },
];

/** The machine type that a keyword of a creation stands for. @throws {Fault} `invalid` for another word */
export function machineTypeOf(keyword: string): string {
  const found = types.find((type) => type.keyword === (keyword === "" ? "bios" : keyword));
  if (found === undefined) throw new Fault("invalid", `Invalid machineTypeKeyword '${keyword}'`);
  return found.names[0] ?? "";
}

/** @throws {Fault} `invalid` for a type that there is not */
export function checkMachineType(machineType: string): void {
  if (!isMachineType(machineType)) throw new Fault("invalid", `Invalid machineType '${machineType}'`);
}

export function isMachineType(machineType: string): boolean {
  return find(machineType) !== undefined;
}

export function keywordOf(machineType: string): string {
  return find(machineType)?.keyword ?? "bios";
}

export function firmwareOf(machineType: string): FirmwareKind {
  return find(machineType)?.firmware ?? "bios";
}

function find(machineType: string): MachineType | undefined {
  return types.find(({ names }) => names.includes(machineType));
}
