import { randomUUID } from "node:crypto";
import { chownSync } from "node:fs";
import { readFile, rename, rm, stat } from "node:fs/promises";
import type { CloudInitData, VirDomainImportSource } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { checkSeed } from "#hypervisor/cloud-init/seed.ts";
import type { LayerRecord } from "#hypervisor/disks/layer-store.ts";
import { convertImage, readImageInfo } from "#hypervisor/disks/qemu-img.ts";
import { checkSelfContained } from "#hypervisor/disks/virtual-disk-library.ts";
import type { TaskProgress } from "#hypervisor/tasks/task-list.ts";
import { type Definition, readDefinition } from "#hypervisor/transfer/definition.ts";
import { definitionFileOf, openPlace, type PlaceSettings } from "#hypervisor/transfer/open-place.ts";
import type { Place } from "#hypervisor/transfer/place.ts";
import { bodyOfDefinition, driveBody, firmwareDrives, nicBody } from "./define-vm.ts";
import { maxDefinitionBytes } from "./export-service.ts";
import { checkDomain, type DomainBody, newBlockDevice, newMac, newNetDevice, newVm } from "./new-vm.ts";
import { firmwareFiles } from "./plan-machine.ts";
import { type BlockDeviceRecord, kinds, type NetDeviceRecord, type VmRecord } from "./records.ts";
import { secondsOf, type VmDeps } from "./vm-deps.ts";
import type { Begun, Draft, VmService } from "./vm-service.ts";

export type ImportSource = Partial<VirDomainImportSource> & { readonly pathURI: string };

/** What has come, before any of it is recorded. */
interface Arrived {
  readonly definition: Definition;
  /** In the order of the definition's disks; none for an empty drive. */
  readonly layers: readonly (LayerRecord | undefined)[];
  readonly nvram?: string;
}

const noSeed: Partial<CloudInitData> = { userData: "", metaData: "" };
const maxImageBytes = 2 ** 46;
/** OVMF's variables, as every machine here has them. */
const nvramBytes = 540_672;

/** Makes machines of what {@link ExportService}, or another server, has written to a place. */
export class ImportService {
  readonly #deps: VmDeps;
  readonly #vms: VmService;
  readonly #settings: PlaceSettings;

  constructor(deps: VmDeps, vms: VmService, settings: PlaceSettings) {
    this.#deps = deps;
    this.#vms = vms;
    this.#settings = settings;
  }

  /**
   * The machine is there when the task is COMPLETE, and not a moment before.
   *
   * @param template what the machine is to be otherwise than the definition says
   * @throws {Fault} `invalid`, `precondition`
   */
  async import(source: ImportSource, template: DomainBody, sessionID: string): Promise<Begun> {
    const { format = "" } = source;
    if (format !== "" && format.toLowerCase() !== "qcow2")
      throw new Fault("invalid", `Disks are imported as qcow2, not as '${format}'`);
    checkDomain(template);
    if (template.cloudInitData !== undefined) checkSeed({ ...noSeed, ...template.cloudInitData });
    const place = openPlace(source.pathURI, this.#settings);
    const file = definitionFileOf(source.pathURI, source.definitionFileName ?? "");
    const uuid = randomUUID();
    const subject = {
      description: "Import VM '%@'",
      parameters: [template.name ?? file],
      objectUUID: uuid,
      sessionID,
      goal: { kind: kinds.vm, uuid, is: "there" as const },
    };
    const taskTag = await this.#deps.tasks.begin(subject, async (progress, signal) => {
      const files = new Set<string>();
      try {
        const arrived = await this.#fetch(place, file, files, progress, signal);
        await this.#commit(uuid, arrived, template, progress);
        files.clear();
      } finally {
        for (const path of files) await rm(path, { force: true });
      }
    });
    return { taskTag, createdUUID: uuid };
  }

  /** @param files what it makes is named there first */
  async #fetch(
    place: Place,
    file: string,
    files: Set<string>,
    progress: TaskProgress,
    signal: AbortSignal,
  ): Promise<Arrived> {
    const text = await this.#passing(
      place,
      file,
      maxDefinitionBytes,
      signal,
      async (path) => await readFile(path),
    );
    const definition = readDefinition(text.toString("utf8"));
    checkDomain(bodyOfDefinition(definition, {}));
    const layers: (LayerRecord | undefined)[] = [];
    for (const { image } of definition.disks) {
      layers.push(
        image === undefined ? undefined : await this.#layer(place, `${image}.qcow2`, files, signal),
      );
      progress.report((100 * layers.length) / definition.disks.length);
    }
    const nvramFile = definition.nvram?.image;
    if (nvramFile === undefined) return { definition, layers };
    const nvram = this.#deps.layers.passingFile();
    files.add(nvram);
    await place.fetch(nvramFile, nvram, nvramBytes, signal);
    if ((await stat(nvram)).size !== nvramBytes)
      throw new Fault("invalid", `'${nvramFile}' is not what UEFI keeps`);
    return { definition, layers, nvram };
  }

  async #layer(place: Place, file: string, files: Set<string>, signal: AbortSignal): Promise<LayerRecord> {
    const { layers } = this.#deps;
    return await this.#passing(place, file, maxImageBytes, signal, async (path) => {
      const uuid = randomUUID();
      files.add(layers.pathOf(uuid));
      const from = { path, format: "qcow2" } as const;
      await checkSelfContained(from, signal);
      await convertImage(from, layers.pathOf(uuid), signal);
      const { virtualBytes } = await readImageInfo(layers.pathOf(uuid), "qcow2", signal);
      return { uuid, capacityBytes: virtualBytes };
    });
  }

  /** Works on a copy of a file of the place, which is gone afterwards. */
  async #passing<T>(
    place: Place,
    file: string,
    limitBytes: number,
    signal: AbortSignal,
    work: (path: string) => Promise<T>,
  ): Promise<T> {
    const path = this.#deps.layers.passingFile();
    try {
      await place.fetch(file, path, limitBytes, signal);
      return await work(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  async #commit(uuid: string, arrived: Arrived, template: DomainBody, progress: TaskProgress): Promise<void> {
    const { layers, isos } = this.#deps;
    await layers.adding(async () => {
      const draft = this.#vms.withSeed(this.#draft(uuid, arrived, template));
      const { vars } = firmwareFiles(layers.folder, uuid);
      try {
        for (const layer of draft.layers) layers.give(layer.uuid, draft.vm.userId);
        if (arrived.nvram !== undefined) {
          await rename(arrived.nvram, vars);
          chownSync(vars, draft.vm.userId, draft.vm.userId);
        }
        await progress.commit((changes) => this.#vms.record(changes, draft));
      } catch (error) {
        await rm(vars, { force: true });
        for (const iso of draft.isos) isos.removeFile(iso.uuid);
        throw error;
      }
    });
  }

  #draft(uuid: string, { definition, layers }: Arrived, template: DomainBody): Draft {
    const { records, now } = this.#deps;
    const userIds = records.list<VmRecord>(kinds.vm).map(({ userId }) => userId);
    const body = bodyOfDefinition(definition, template);
    const bare: VmRecord = { ...newVm(body, "", { nowS: secondsOf(now), userIds }), uuid };
    const blockDevices: BlockDeviceRecord[] = [];
    const orders: Order[] = [];
    for (const [i, disk] of definition.disks.entries()) {
      const layer = layers[i];
      const drive = driveBody(disk, layer?.capacityBytes ?? 0);
      const isTaken = blockDevices.some(({ type, slot }) => type === drive.type && slot === drive.slot);
      const asked = { ...drive, ...(isTaken && { slot: -1 }) };
      const made = newBlockDevice(uuid, asked, blockDevices, bare.created);
      blockDevices.push(layer === undefined ? made : { ...made, layer: layer.uuid });
      orders.push({ uuid: made.uuid, order: disk.bootOrder });
    }
    for (const type of firmwareDrives(definition, bare.machineType))
      blockDevices.push(newBlockDevice(uuid, { type }, blockDevices, bare.created));
    const netDevices = this.#nics(uuid, definition, template);
    for (const [i, nic] of netDevices.entries())
      orders.push({
        uuid: nic.uuid,
        order: template.netDevs === undefined ? definition.nics[i]?.bootOrder : undefined,
      });
    const vm = { ...bare, bootDevices: bootDevicesOf(orders, blockDevices) };
    return { vm, blockDevices, netDevices, layers: layers.filter((layer) => layer !== undefined), isos: [] };
  }

  /** With the addresses that they had, unless a machine here has one of them. */
  #nics(uuid: string, { nics }: Definition, { netDevs }: DomainBody): readonly NetDeviceRecord[] {
    const taken = new Set(
      this.#deps.records
        .list<NetDeviceRecord>(kinds.netDevice)
        .map(({ macAddress }) => macAddress.toUpperCase()),
    );
    if (netDevs !== undefined) return netDevs.map((body) => newNetDevice(uuid, body));
    return nics.map((nic) => {
      const isTaken = taken.has(nic.mac.toUpperCase());
      return newNetDevice(uuid, { ...nicBody(nic), ...(isTaken && { macAddress: newMac() }) });
    });
  }
}

interface Order {
  readonly uuid: string;
  readonly order: number | undefined;
}

/** A machine whose definition names nothing to boot from boots its first disk. */
function bootDevicesOf(
  orders: readonly Order[],
  blockDevices: readonly BlockDeviceRecord[],
): readonly string[] {
  const named = orders.filter(({ order }) => order !== undefined);
  if (named.length > 0)
    return named.toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0)).map(({ uuid }) => uuid);
  const first = blockDevices.find(({ layer }) => layer !== undefined);
  return first === undefined ? [] : [first.uuid];
}
