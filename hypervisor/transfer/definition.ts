import { Fault } from "#base/fault.ts";
import { childOf, childrenOf, element, type Element, parseXml, writeXml, type Written } from "./xml.ts";

/** A machine as it stands in a file beside its disks: what an export writes and an import reads. */
export interface Definition {
  readonly name: string;
  readonly description: string;
  readonly uuid: string;
  readonly memBytes: number;
  readonly numVCPU: number;
  readonly operatingSystem: string;
  readonly tags: readonly string[];
  readonly cpuType: string;
  readonly machineType: string;
  readonly disks: readonly DefinedDisk[];
  readonly nics: readonly DefinedNic[];
  /** A machine with UEFI's variables: `image` is their file, if it has begun to keep some. */
  readonly nvram?: { readonly image?: string };
  /** What a TPM keeps stays where it is: a definition says only that there is one. */
  readonly hasTpm: boolean;
}

export interface DefinedDisk {
  readonly kind: "disk" | "cdrom" | "floppy";
  readonly bus: "virtio" | "scsi" | "ide";
  readonly slot: number;
  readonly cache: "none" | "writeback" | "writethrough";
  /** Its image is the file of this name with `.qcow2`; absent for an empty drive. */
  readonly image?: string;
  /** In which order it is booted from, from 1 on. */
  readonly bootOrder?: number;
}

export interface DefinedNic {
  readonly mac: string;
  readonly model: "virtio" | "e1000" | "rtl8139" | "pcnet";
  readonly vlan: number;
  readonly isConnected: boolean;
  readonly bootOrder?: number;
}

const namespace = "http://www.scalecomputing.com/scaled";
const targets = { virtio: "vd", scsi: "sd", ide: "hd" } as const;
const units: ReadonlyMap<string, number> = new Map(
  Object.entries({
    b: 1,
    bytes: 1,
    k: 1 << 10,
    KiB: 1 << 10,
    KB: 1000,
    M: 1 << 20,
    MiB: 1 << 20,
    MB: 1_000_000,
    G: 2 ** 30,
    GiB: 2 ** 30,
    GB: 1e9,
  }),
);

/** @see libvirt "Domain XML format", with the metadata that HyperCore adds to it */
export function writeDefinition(of: Definition): string {
  const scale = element(
    "scale-metadata",
    { xmlns: namespace },
    element("os", { uuid: of.operatingSystem }),
    element("tags", {}, ...of.tags.map((name) => element("tag", { name }))),
    element("cpu", { name: of.cpuType }),
    element("machine", { name: of.machineType }),
  );
  const devices = [...of.disks.map(diskXml), ...of.nics.map(nicXml), ...(of.hasTpm ? [tpm] : [])];
  const root = element(
    "domain",
    { type: "kvm" },
    element("name", {}, of.name),
    element("description", {}, of.description),
    element("uuid", {}, of.uuid),
    element("memory", { unit: "bytes" }, String(of.memBytes)),
    element("vcpu", { placement: "static" }, String(of.numVCPU)),
    element("os", {}, element("type", { arch: "x86_64", machine: "pc" }, "hvm"), ...nvramXml(of)),
    element("metadata", {}, scale),
    element("features", {}, element("acpi"), element("apic"), element("pae")),
    element("devices", {}, ...devices),
  );
  return writeXml(root);
}

const tpm = element("tpm", { model: "tpm-crb" }, element("backend", { type: "emulator", version: "2.0" }));

function nvramXml({ nvram }: Definition): readonly Written[] {
  if (nvram === undefined) return [];
  return [nvram.image === undefined ? element("nvram") : element("nvram", {}, nvram.image)];
}

function diskXml({ kind, bus, slot, cache, image, bootOrder }: DefinedDisk): Written {
  const dev = `${kind === "floppy" ? "fd" : targets[bus]}${lettersOf(slot)}`;
  return element(
    "disk",
    { ...(image !== undefined && { type: "network" }), device: kind },
    ...bootXml(bootOrder),
    element("driver", { name: "qemu", type: "scribe", cache }),
    ...(image === undefined ? [] : [element("source", { protocol: "scribe", name: `scribe/${image}` })]),
    element("target", { dev, bus }),
    ...(kind === "cdrom" ? [element("readonly")] : []),
  );
}

function nicXml({ mac, model, vlan, isConnected, bootOrder }: DefinedNic): Written {
  return element(
    "interface",
    { type: "bridge" },
    ...bootXml(bootOrder),
    element("mac", { address: mac }),
    element("model", { type: model }),
    element("link", { state: isConnected ? "up" : "down" }),
    element("source", { bridge: "lan" }),
    ...(vlan === 0 ? [] : [element("vlan", {}, element("tag", { id: vlan }))]),
  );
}

function bootXml(order: number | undefined): readonly Written[] {
  return order === undefined ? [] : [element("boot", { order })];
}

/**
 * Reads a definition, whoever has written it. What it says of the host is left out.
 *
 * @throws {Fault} `invalid` for what is none, or what this server's machines cannot have
 */
export function readDefinition(text: string): Definition {
  const domain = parseXml(text);
  if (domain.name !== "domain") throw new Fault("invalid", "The definition is not that of a VM");
  const scale = childOf(domain, "metadata", "scale-metadata");
  const devices = childOf(domain, "devices");
  const nameOf = (given: Element | undefined) => given?.attributes["name"] ?? "";
  return {
    name: childOf(domain, "name")?.text ?? "",
    description: childOf(domain, "description")?.text ?? "",
    uuid: childOf(domain, "uuid")?.text ?? "",
    memBytes: bytesOf(childOf(domain, "memory")),
    numVCPU: numberOf(childOf(domain, "vcpu")?.text ?? "0", "vcpu"),
    operatingSystem: childOf(scale, "os")?.attributes["uuid"] ?? "os_other",
    tags: childrenOf(childOf(scale, "tags"), "tag")
      .map(nameOf)
      .filter((tag) => tag !== ""),
    cpuType: nameOf(childOf(scale, "cpu")),
    machineType: nameOf(childOf(scale, "machine")),
    disks: childrenOf(devices, "disk").map(readDisk),
    nics: childrenOf(devices, "interface").map(readNic),
    ...readNvram(childOf(domain, "os", "nvram")),
    hasTpm: childOf(devices, "tpm") !== undefined,
  };
}

function readNvram(given: Element | undefined): Pick<Definition, "nvram"> {
  if (given === undefined) return {};
  // What is a path is a file of the host that the machine comes from.
  const isOurs = given.text !== "" && !given.text.includes("/");
  if (isOurs) checkFileName(given.text);
  return { nvram: isOurs ? { image: given.text } : {} };
}

function readDisk(given: Element): DefinedDisk {
  const { device = "disk" } = given.attributes;
  const target = childOf(given, "target")?.attributes;
  const cache = childOf(given, "driver")?.attributes["cache"];
  const [, image] = /^(?:scribe\/)?(.+)$/.exec(childOf(given, "source")?.attributes["name"] ?? "") ?? [];
  if (image !== undefined) checkFileName(image);
  return {
    kind: device === "cdrom" || device === "floppy" ? device : "disk",
    bus: oneOf(target?.["bus"], ["virtio", "scsi", "ide"], "ide"),
    slot: slotOf(target?.["dev"] ?? ""),
    cache: oneOf(cache, ["none", "writeback", "writethrough"], "none"),
    ...(image !== undefined && { image }),
    ...readBoot(given),
  };
}

function readNic(given: Element): DefinedNic {
  const vlan = childOf(given, "vlan", "tag")?.attributes["id"] ?? "0";
  return {
    mac: childOf(given, "mac")?.attributes["address"] ?? "",
    model: oneOf(
      childOf(given, "model")?.attributes["type"],
      ["virtio", "e1000", "rtl8139", "pcnet"],
      "e1000",
    ),
    vlan: numberOf(vlan, "vlan"),
    isConnected: childOf(given, "link")?.attributes["state"] !== "down",
    ...readBoot(given),
  };
}

function readBoot(given: Element): { readonly bootOrder?: number } {
  const order = childOf(given, "boot")?.attributes["order"];
  return order === undefined ? {} : { bootOrder: numberOf(order, "boot order") };
}

/** A name that is nothing but the name of a file. @throws {Fault} `invalid` for another */
export function checkFileName(name: string): void {
  if (!/^[\w][\w .+@()=-]{0,200}$/.test(name)) throw new Fault("invalid", `Invalid file name '${name}'`);
}

function bytesOf(given: Element | undefined): number {
  const unit = units.get(given?.attributes["unit"] ?? "KiB");
  if (unit === undefined) throw new Fault("invalid", "The definition has memory in a unit that is not known");
  return numberOf(given?.text ?? "0", "memory") * unit;
}

function numberOf(text: string, what: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new Fault("invalid", `The definition has no number for ${what}`);
  return Number(text);
}

function oneOf<T extends string>(given: string | undefined, known: readonly T[], otherwise: T): T {
  return known.find((one) => one === given) ?? otherwise;
}

/** `a` to `z`, then `aa` and on. */
function lettersOf(slot: number): string {
  const before = Math.floor(slot / 26);
  return `${before === 0 ? "" : lettersOf(before - 1)}${String.fromCodePoint(97 + (slot % 26))}`;
}

/** -1 for a target that says nothing. */
function slotOf(device: string): number {
  const letters = /^[a-z]d([a-z]{1,2})$/.exec(device)?.[1] ?? "";
  return Array.from(letters).reduce(
    (slot, letter) => (slot + 1) * 26 + (letter.codePointAt(0) ?? 97) - 97,
    -1,
  );
}
