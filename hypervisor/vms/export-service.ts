import { randomUUID } from "node:crypto";
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import type { VirDomainExportTarget } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import { convertImage } from "#hypervisor/disks/qemu-img.ts";
import type { StoredRecord } from "#hypervisor/metadata/record-store.ts";
import type { TaskProgress } from "#hypervisor/tasks/task-list.ts";
import { type Definition, readDefinition, writeDefinition } from "#hypervisor/transfer/definition.ts";
import { definitionFileOf, openPlace, type PlaceSettings } from "#hypervisor/transfer/open-place.ts";
import type { Place } from "#hypervisor/transfer/place.ts";
import { defineVm } from "./define-vm.ts";
import { type Moment, momentOf } from "./moment.ts";
import type { DomainBody } from "./new-vm.ts";
import { checkDomain } from "./new-vm.ts";
import { firmwareFiles } from "./plan-machine.ts";
import { kinds, type VmRecord } from "./records.ts";
import { getVm, type VmDeps } from "./vm-deps.ts";
import type { Begun } from "./vm-service.ts";

/** An export into a local folder that has begun: what of it is there when it does not end must go. */
interface ExportRecord extends StoredRecord {
  readonly pathURI: string;
  readonly definitionFile: string;
  readonly files: readonly string[];
}

/** A definition is a page or two. */
export const maxDefinitionBytes = 4 << 20;
const cleanupMs = 30_000;

export type ExportTarget = Partial<VirDomainExportTarget> & { readonly pathURI: string };

/** Writes machines to places: a flat qcow2 image of each disk, and last the definition, without which they are none. */
export class ExportService {
  readonly #deps: VmDeps;
  readonly #settings: PlaceSettings;

  constructor(deps: VmDeps, settings: PlaceSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /**
   * Exports the machine as it is, while it runs, too, or as it was in a snapshot.
   *
   * @param template what the definition says otherwise
   * @throws {Fault} `not-found`, `invalid`, `precondition`
   */
  async export(
    uuid: string,
    snapUUID: string,
    target: ExportTarget,
    template: DomainBody,
    sessionID: string,
  ): Promise<Begun> {
    const { records, tasks } = this.#deps;
    const { name } = getVm(records, uuid);
    checkTarget(target);
    checkDomain(template);
    const place = openPlace(target.pathURI, this.#settings);
    const definitionFile = definitionFileOf(target.pathURI, target.definitionFileName ?? "");
    const subject = { description: "Export VM '%@'", parameters: [name], objectUUID: uuid, sessionID };
    const taskTag = await tasks.begin(subject, async (progress, signal) => {
      const moment = await momentOf(this.#deps, uuid, snapUUID, signal);
      await this.#write(place, { target, definitionFile, template }, moment, progress, signal);
    });
    return { taskTag, createdUUID: "" };
  }

  /** Removes what an earlier daemon has begun to export into local folders. */
  async removeUnfinished(): Promise<void> {
    const { records, log } = this.#deps;
    const signal = AbortSignal.timeout(cleanupMs);
    for (const left of records.list<ExportRecord>(kinds.export)) {
      try {
        await this.#removeUnneeded(openPlace(left.pathURI, this.#settings), left, signal);
      } catch (error) {
        log.warn("what is left of an export stays behind", { error });
      }
      await records.change((changes) => changes.remove(kinds.export, left.uuid));
    }
  }

  async #write(
    place: Place,
    what: { readonly target: ExportTarget; readonly definitionFile: string; readonly template: DomainBody },
    moment: Moment,
    progress: TaskProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const { records } = this.#deps;
    const { definition, images } = this.#planned(moment, what.template);
    const files = [...images.keys()];
    using _pins = this.#pinned(images);
    const { pathURI } = what.target;
    const record: ExportRecord = { uuid: randomUUID(), pathURI, definitionFile: what.definitionFile, files };
    // Only local places are cleared later: for others their secrets would have to be kept.
    if (pathURI.startsWith("file:")) await records.change((changes) => changes.put(kinds.export, record));
    try {
      const before = await this.#definitionAt(place, what.definitionFile, signal);
      await this.#writeImages(place, what.target, images, progress, signal);
      await this.#store(place, what.definitionFile, signal, async (path) => {
        await writeFile(path, writeDefinition(definition), { mode: 0o600 });
      });
      const old = filesOf(before).filter((file) => !files.includes(file));
      for (const file of old) await place.remove(file, signal).catch(() => {});
    } catch (error) {
      const late = AbortSignal.timeout(cleanupMs);
      if (!signal.aborted) await this.#removeUnneeded(place, record, late).catch(() => {});
      throw error;
    } finally {
      if (!signal.aborted) await records.change((changes) => changes.remove(kinds.export, record.uuid));
    }
  }

  /** Every export has names of its own, so that one that goes wrong does not touch what was there before. */
  #planned(
    { vm, blockDevices, netDevices }: Moment,
    template: DomainBody,
  ): { readonly definition: Definition; readonly images: ReadonlyMap<string, Source> } {
    const { layers } = this.#deps;
    const images = new Map<string, Source>();
    const imageOf = new Map<string, string>();
    for (const { uuid, layer, capacity } of blockDevices) {
      if (layer === undefined) continue;
      const name = randomUUID();
      imageOf.set(uuid, name);
      images.set(`${name}.qcow2`, {
        layer,
        bytes: Math.max(1, Math.min(capacity, layers.chainBytes(layer))),
      });
    }
    const { vars } = firmwareFiles(layers.folder, vm.uuid);
    const nvram = existsSync(vars) ? `${randomUUID()}.fd` : undefined;
    if (nvram !== undefined) images.set(nvram, { path: vars, bytes: 1 });
    const named = { imageOf, ...(nvram !== undefined && { nvram }) };
    const definition = defineVm(vm as VmRecord, blockDevices, netDevices, named, template);
    return { definition, images };
  }

  /** Keeps what is exported as it is until it is written, however long the place takes to answer before. */
  #pinned(images: ReadonlyMap<string, Source>): Disposable {
    const pins = new DisposableStack();
    for (const { layer } of images.values()) if (layer !== undefined) pins.use(this.#deps.layers.pin(layer));
    return pins;
  }

  async #writeImages(
    place: Place,
    { compress, compat }: ExportTarget,
    images: ReadonlyMap<string, Source>,
    progress: TaskProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const { layers } = this.#deps;
    const all = [...images.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    for (const [file, source] of images) {
      const onProgress = (percent: number) => progress.report((100 * done + percent * source.bytes) / all);
      await this.#store(place, file, signal, async (path) => {
        if (source.layer === undefined) return await copyFile(source.path, path);
        const options = { isCompressed: compress === true, onProgress, ...compatOf(compat) };
        await convertImage({ path: layers.pathOf(source.layer), format: "qcow2" }, path, signal, options);
      });
      done += source.bytes;
    }
  }

  async #store(
    place: Place,
    file: string,
    signal: AbortSignal,
    write: (path: string) => Promise<void>,
  ): Promise<void> {
    const path = await place.preparationFile(file, () => this.#deps.layers.passingFile());
    try {
      await write(path);
      await place.store(path, file, signal);
    } finally {
      await rm(path, { force: true });
    }
  }

  async #definitionAt(place: Place, file: string, signal: AbortSignal): Promise<Definition | undefined> {
    const path = this.#deps.layers.passingFile();
    try {
      await place.fetch(file, path, maxDefinitionBytes, signal);
      return readDefinition(await readFile(path, "utf8"));
    } catch {
      // There is none yet, or it is not one that we could have written.
      return undefined;
    } finally {
      await rm(path, { force: true });
    }
  }

  async #removeUnneeded(place: Place, left: ExportRecord, signal: AbortSignal): Promise<void> {
    const there = filesOf(await this.#definitionAt(place, left.definitionFile, signal));
    for (const file of left.files.filter((own) => !there.includes(own))) await place.remove(file, signal);
  }
}

type Source =
  | { readonly layer: string; readonly path?: never; readonly bytes: number }
  | { readonly layer?: never; readonly path: string; readonly bytes: number };

function filesOf(definition: Definition | undefined): readonly string[] {
  const disks =
    definition?.disks.flatMap(({ image }) => (image === undefined ? [] : [`${image}.qcow2`])) ?? [];
  const nvram = definition?.nvram?.image;
  return nvram === undefined ? disks : [...disks, nvram];
}

function checkTarget({ format = "", compat = "" }: ExportTarget): void {
  if (format !== "" && format.toLowerCase() !== "qcow2")
    throw new Fault("invalid", `Disks are exported as qcow2, not as '${format}'`);
  if (!["", "0.10", "1.1"].includes(compat)) throw new Fault("invalid", `Invalid compat '${compat}'`);
}

function compatOf(compat: string | undefined): { readonly compat?: "0.10" | "1.1" } {
  return compat === "0.10" || compat === "1.1" ? { compat } : {};
}
