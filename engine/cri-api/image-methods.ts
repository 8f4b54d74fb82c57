import { statfsSync } from "node:fs";
import type { AuthConfig, Image, ImageSpec } from "#api/cri/messages.ts";
import type { imageService } from "#api/cri/services.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import type { Credentials } from "#engine/registry/credentials.ts";
import type { CriDeps } from "./cri-deps.ts";
import { fullName } from "./image-names.ts";
import type { Answers } from "./methods.ts";

/** @see kubernetes/cri-api, runtime.v1 ImageService */
export function imageMethods(deps: CriDeps): Answers<typeof imageService> {
  const { images, distribution, now } = deps;
  const selected = (image: ImageSpec | undefined) => {
    const name = image?.image ?? "";
    if (name === "") return images.list().map(viewOf);
    const found = find(deps, name);
    return found === undefined ? [] : [viewOf(found)];
  };
  return {
    listImages: ({ filter }) => ({ images: selected(filter?.image) }),
    streamImages: ({ filter }, send) => send({ images: selected(filter?.image) }),
    imageStatus: ({ image, verbose }) => {
      const found = find(deps, image?.image ?? "");
      if (found === undefined) return {};
      return {
        image: viewOf(found),
        ...(verbose && { info: new Map([["info", JSON.stringify({ imageSpec: found.config })]]) }),
      };
    },
    pullImage: async ({ image, auth }, { signal }) => {
      const name = image?.image ?? "";
      if (name === "") throw new Fault("invalid", "image name must be set");
      const full = fullName(name);
      const request = {
        name: full,
        tag: "",
        isAll: false,
        platform: "",
        credentials: credentialsOf(auth ?? {}),
      };
      try {
        await distribution.pull(request, () => {}, signal);
      } catch (error) {
        throw isFault(error) ? pullFault(deps, full, error) : error;
      }
      return { imageRef: images.resolve(full).id };
    },
    removeImage: async ({ image }) => {
      const found = find(deps, image?.image ?? "");
      if (found !== undefined) await remove(deps, found, image?.image ?? "");
      return {};
    },
    imageFsInfo: () => {
      const used = usedBytes(deps);
      const usage = {
        timestamp: now(),
        fsId: { mountpoint: deps.snapshotRoot },
        usedBytes: { value: used },
        inodesUsed: { value: usedInodes(deps) },
      };
      return { imageFilesystems: [usage], containerFilesystems: [usage] };
    },
  };
}

/** In the words by which node agents tell a policy's refusal from a registry's. */
function pullFault({ images }: CriDeps, name: string, error: Fault): Fault {
  const isOfPolicy = error.kind === "forbidden" && images.admission.hasPolicy;
  const what = `failed to pull and unpack image ${JSON.stringify(name)}: ${error.message}`;
  return new Fault(error.kind, isOfPolicy ? `SignatureValidationFailed: ${what}` : what, { cause: error });
}

/** Undefined for what is not here, and for what is no name at all. */
function find({ images }: CriDeps, name: string): ImageRecord | undefined {
  if (name === "") return undefined;
  try {
    return images.resolve(name);
  } catch (error) {
    if (isFault(error, "not-found") || isFault(error, "invalid")) return undefined;
    throw error;
  }
}

function viewOf(image: ImageRecord): Image {
  const user = image.config.config?.User?.split(":", 1)[0] ?? "";
  const isNumber = /^\d+$/.test(user);
  return {
    id: image.id,
    repoTags: image.repoTags.map(fullName),
    repoDigests: image.repoDigests.map(fullName),
    size: image.size,
    ...(isNumber && { uid: { value: Number(user) } }),
    username: isNumber ? "" : user,
    spec: { image: image.id },
  };
}

/** A name takes all names of the image with it, as the CRI has it; one that containers use stays on disk until they are gone. */
async function remove({ images, isUsedByDocker }: CriDeps, image: ImageRecord, asked: string): Promise<void> {
  if (isUsedByDocker(image.id))
    throw new Fault("conflict", `image ${asked} is in use by a container of Docker's`);
  try {
    await images.remove(image.id, { force: true, noprune: false });
  } catch (error) {
    if (isFault(error, "not-found")) return;
    if (!isFault(error, "conflict")) throw error;
    const names = [...image.repoTags, ...image.repoDigests];
    if (names.length === 0) throw new Fault("conflict", `image ${asked} is in use: ${error.message}`);
    for (const name of names) await images.remove(name, { force: true, noprune: false }).catch(ignoreMissing);
  }
}

function ignoreMissing(error: unknown): void {
  if (!isFault(error, "not-found")) throw error;
}

function usedBytes({ images }: CriDeps): number {
  const layers = new Map<string, number>();
  for (const { chainIds, layers: own } of images.list())
    for (const [index, chainId] of chainIds.entries()) layers.set(chainId, own[index]?.unpackedSize ?? 0);
  return [...layers.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Of the whole file system: nobody counts those of layers. */
function usedInodes({ snapshotRoot }: CriDeps): number {
  const { files, ffree } = statfsSync(snapshotRoot);
  return files - ffree;
}

function credentialsOf(auth: AuthConfig): Credentials {
  const { username = "", password = "", auth: encoded = "", identityToken = "", registryToken = "" } = auth;
  const [user = "", ...rest] = Buffer.from(encoded, "base64").toString().replace(/\0+$/, "").split(":");
  const isEncoded = username === "" && encoded !== "";
  return {
    username: isEncoded ? user : username,
    password: isEncoded ? rest.join(":") : password,
    identityToken,
    registryToken,
  };
}
