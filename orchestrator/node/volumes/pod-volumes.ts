import { createHash } from "node:crypto";
import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PersistentVolume, PersistentVolumeClaim, ConfigMap, Secret } from "#api/kube/types/core.ts";
import type { Volume, VolumeProjection } from "#api/kube/types/core-volumes.ts";
import { Fault } from "#base/fault.ts";
import { parseQuantity, wholeUnits } from "#orchestrator/machinery/quantity.ts";
import type { FieldContext } from "../field-values.ts";
import type { NodeFolders } from "../node-folders.ts";
import { containersOf, nameOf, uidOf } from "../pod.ts";
import { type Payload, type Projection, writeAtomically } from "./atomic-writer.ts";
import { ensureHostPath } from "./host-path.ts";
import { ensureMemoryMount, removeWithMounts } from "./mount-table.ts";
import { giveToGroup } from "./ownership.ts";
import { configMapPayload, downwardPayload, type KeyedSource, secretPayload } from "./payloads.ts";

/** Where a volume's files are, or which image they are in. */
export type MountedVolume =
  | { readonly kind: "folder"; readonly path: string; readonly isReadOnly: boolean }
  | { readonly kind: "image"; readonly reference: string; readonly pullPolicy: string | undefined };

/** What volumes are made from. All of it may be asked for again and again. */
export interface VolumeSources {
  configMap(pod: Pod, name: string, signal: AbortSignal): Promise<ConfigMap | undefined>;
  secret(pod: Pod, name: string, signal: AbortSignal): Promise<Secret | undefined>;
  token(pod: Pod, audience: string | undefined, seconds: number, signal: AbortSignal): Promise<string>;
  claim(pod: Pod, name: string, signal: AbortSignal): Promise<PersistentVolumeClaim | undefined>;
  persistentVolume(name: string, signal: AbortSignal): Promise<PersistentVolume | undefined>;
  trustBundle(
    pod: Pod,
    source: NonNullable<VolumeProjection["clusterTrustBundle"]>,
    signal: AbortSignal,
  ): Promise<string>;
  context(pod: Pod): FieldContext;
}

const defaultMode = 0o644;
const hourS = 3600;

/** The volumes of this node's pods, in their folders. */
export class PodVolumes {
  readonly #folders: NodeFolders;
  readonly #sources: VolumeSources;
  /** What was written last, so that a volume that has not changed costs nothing. */
  readonly #written = new Map<string, string>();

  constructor(folders: NodeFolders, sources: VolumeSources) {
    this.#folders = folders;
    this.#sources = sources;
  }

  /**
   * Makes everything there that the pod's containers mount, as new as its sources are. May be repeated at any time.
   *
   * @throws {Fault} whose message names the volume
   */
  async ensure(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, MountedVolume>> {
    const used = new Set(
      containersOf(pod).flatMap(({ spec }) => (spec.volumeMounts ?? []).map(({ name }) => name)),
    );
    const result = new Map<string, MountedVolume>();
    for (const volume of pod.spec?.volumes ?? []) {
      if (!used.has(volume.name)) continue;
      try {
        result.set(volume.name, await this.#ensureOne(pod, volume, signal));
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        throw new Fault("precondition", `MountVolume.SetUp failed for volume "${volume.name}" : ${reason}`, {
          cause: error,
        });
      }
    }
    return result;
  }

  /** Removes all of the pod's folder; what persists elsewhere stays. */
  remove(uid: string): void {
    for (const key of this.#written.keys()) if (key.startsWith(`${uid}/`)) this.#written.delete(key);
    if (existsSync(this.#folders.pod(uid))) removeWithMounts(this.#folders.pod(uid));
  }

  async #ensureOne(pod: Pod, volume: Volume, signal: AbortSignal): Promise<MountedVolume> {
    if (volume.emptyDir !== undefined) return await this.#emptyDir(pod, volume, signal);
    if (volume.hostPath !== undefined) {
      ensureHostPath(volume.hostPath);
      return folderAt(volume.hostPath.path);
    }
    if (volume.image !== undefined) {
      const { reference = "", pullPolicy } = volume.image;
      return { kind: "image", reference, pullPolicy };
    }
    if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined)
      return await this.#persistent(pod, volume, signal);
    return await this.#projected(pod, volume, signal);
  }

  async #emptyDir(pod: Pod, volume: Volume, signal: AbortSignal): Promise<MountedVolume> {
    const { medium = "", sizeLimit } = volume.emptyDir ?? {};
    const path = this.#folders.volume(uidOf(pod), "empty-dir", volume.name);
    if (medium !== "" && medium !== "Memory")
      throw new Fault("invalid", `unknown storage medium "${medium}"`);
    const isNew = !existsSync(path);
    if (isNew) mkdirSync(path, { recursive: true, mode: 0o777 });
    if (medium === "Memory") {
      const limit = sizeLimit === undefined ? 0 : wholeUnits(parseQuantity(sizeLimit));
      ensureMemoryMount(path, limit === 0 ? undefined : limit, "0777");
    } else if (isNew) chmodSync(path, 0o777); // whatever the umask is
    await this.#applyGroup(pod, path, signal);
    return folderAt(path);
  }

  async #persistent(pod: Pod, volume: Volume, signal: AbortSignal): Promise<MountedVolume> {
    const source = volume.persistentVolumeClaim;
    const name = source?.claimName ?? `${nameOf(pod)}-${volume.name}`;
    const claim = await this.#sources.claim(pod, name, signal);
    if (claim === undefined) throw new Fault("precondition", `persistentvolumeclaim "${name}" not found`);
    const volumeName = claim.spec?.volumeName ?? "";
    if (claim.status?.phase !== "Bound" || volumeName === "")
      throw new Fault("precondition", `PVC ${name} is not bound`);
    const persistent = await this.#sources.persistentVolume(volumeName, signal);
    if (persistent === undefined)
      throw new Fault("precondition", `persistentvolume "${volumeName}" not found`);
    if (persistent.spec?.claimRef?.uid !== claim.metadata.uid)
      throw new Fault("precondition", `PV ${volumeName} is bound to another claim than ${name}`);
    const path = await this.#pathOf(pod, persistent, signal);
    return { kind: "folder", path, isReadOnly: source?.readOnly ?? false };
  }

  async #pathOf(pod: Pod, { spec }: PersistentVolume, signal: AbortSignal): Promise<string> {
    if (spec?.hostPath !== undefined) {
      ensureHostPath(spec.hostPath);
      return spec.hostPath.path;
    }
    if (spec?.local === undefined) throw new Fault("not-implemented", "no volume plugin matched");
    if (!existsSync(spec.local.path))
      throw new Fault("precondition", `path "${spec.local.path}" does not exist`);
    await this.#applyGroup(pod, spec.local.path, signal);
    return spec.local.path;
  }

  async #applyGroup(pod: Pod, path: string, signal: AbortSignal): Promise<void> {
    const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
    if (fsGroup === undefined) return;
    const key = `${uidOf(pod)}/${path}/group`;
    if (this.#written.get(key) === String(fsGroup)) return;
    await giveToGroup(path, fsGroup, fsGroupChangePolicy ?? "Always", signal);
    this.#written.set(key, String(fsGroup));
  }

  async #projected(pod: Pod, volume: Volume, signal: AbortSignal): Promise<MountedVolume> {
    const { plugin, payload } = await this.#payloadOf(pod, volume, signal);
    const uid = uidOf(pod);
    const path = this.#folders.volume(uid, plugin, volume.name);
    const key = `${uid}/${volume.name}`;
    const digest = digestOf(payload);
    if (this.#written.get(key) === digest) return folderAt(path);
    const group = pod.spec?.securityContext?.fsGroup;
    // Secrets and tokens are never on a disk.
    if (plugin === "secret" || plugin === "projected") ensureMemoryMount(path, undefined, "0755");
    else mkdirSync(path, { recursive: true, mode: 0o755 });
    chmodSync(path, 0o777);
    writeAtomically(path, payload, group);
    if (group !== undefined) {
      chownSync(path, 0, group);
      chmodSync(path, 0o2777);
    }
    this.#written.set(key, digest);
    return folderAt(path);
  }

  async #payloadOf(
    pod: Pod,
    volume: Volume,
    signal: AbortSignal,
  ): Promise<{ readonly plugin: string; readonly payload: Payload }> {
    const { configMap, secret, downwardAPI, projected } = volume;
    if (configMap !== undefined) {
      const payload = await this.#fromConfigMap(pod, configMap, configMap.defaultMode ?? defaultMode, signal);
      return { plugin: "configmap", payload };
    }
    if (secret !== undefined) {
      const source = { ...secret, name: secret.secretName ?? "" };
      const payload = await this.#fromSecret(pod, source, secret.defaultMode ?? defaultMode, signal);
      return { plugin: "secret", payload };
    }
    if (downwardAPI !== undefined) {
      const context = this.#sources.context(pod);
      const payload = downwardPayload(
        context,
        downwardAPI.items ?? [],
        downwardAPI.defaultMode ?? defaultMode,
      );
      return { plugin: "downward-api", payload };
    }
    if (projected === undefined) throw new Fault("not-implemented", "no volume plugin matched");
    const all = new Map<string, Projection>();
    for (const source of projected.sources ?? []) {
      const part = await this.#projection(pod, source, projected.defaultMode ?? defaultMode, signal);
      for (const [path, file] of part) all.set(path, file);
    }
    return { plugin: "projected", payload: all };
  }

  async #projection(pod: Pod, source: VolumeProjection, mode: number, signal: AbortSignal): Promise<Payload> {
    const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = source;
    if (configMap !== undefined) return await this.#fromConfigMap(pod, configMap, mode, signal);
    if (secret !== undefined) return await this.#fromSecret(pod, secret, mode, signal);
    if (downwardAPI !== undefined)
      return downwardPayload(this.#sources.context(pod), downwardAPI.items ?? [], mode);
    if (serviceAccountToken !== undefined) {
      const { audience, expirationSeconds = hourS, path } = serviceAccountToken;
      const text = await this.#sources.token(pod, audience, expirationSeconds, signal);
      return new Map([[path, { bytes: Buffer.from(text), ...tokenOwner(pod, mode) }]]);
    }
    if (clusterTrustBundle !== undefined) {
      const text = await this.#sources.trustBundle(pod, clusterTrustBundle, signal);
      return new Map([[clusterTrustBundle.path, { bytes: Buffer.from(text), mode }]]);
    }
    throw new Fault("not-implemented", "a projected volume's source is not known to this node");
  }

  async #fromConfigMap(pod: Pod, source: NamedSource, mode: number, signal: AbortSignal): Promise<Payload> {
    const found = await this.#sources.configMap(pod, source.name ?? "", signal);
    return isThere(found, "configmap", source) ? configMapPayload(found, source, mode) : new Map();
  }

  async #fromSecret(pod: Pod, source: NamedSource, mode: number, signal: AbortSignal): Promise<Payload> {
    const found = await this.#sources.secret(pod, source.name ?? "", signal);
    return isThere(found, "secret", source) ? secretPayload(found, source, mode) : new Map();
  }
}

type NamedSource = KeyedSource & { readonly name?: string };

/** @throws {Fault} `precondition` when it is not and must be */
function isThere<T>(
  found: T | undefined,
  what: string,
  { name = "", optional = false }: NamedSource,
): found is T {
  if (found === undefined && !optional) throw new Fault("precondition", `${what} "${name}" not found`);
  return found !== undefined;
}

function folderAt(path: string): MountedVolume {
  return { kind: "folder", path, isReadOnly: false };
}

/** A token is for the pod's user alone, where all of its containers run as one. */
function tokenOwner(pod: Pod, mode: number): { readonly mode: number; readonly uid?: number } {
  const context = pod.spec?.securityContext;
  if (context?.fsGroup !== undefined) return { mode: 0o600 };
  const users = new Set(
    [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].map(
      ({ securityContext }) => securityContext?.runAsUser ?? context?.runAsUser,
    ),
  );
  const [only] = users;
  return users.size === 1 && only !== undefined ? { mode: 0o600, uid: only } : { mode };
}

function digestOf(payload: Payload): string {
  const hash = createHash("sha256");
  for (const [path, { bytes, mode, uid }] of [...payload].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${mode}\0${uid ?? ""}\0${bytes.length}\0`).update(bytes);
  return hash.digest("base64");
}
