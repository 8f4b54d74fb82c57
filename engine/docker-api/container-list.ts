import type { Containers } from "#engine/containers/containers.ts";
import { linkNames } from "#engine/containers/links.ts";
import { type ContainerRecord, mountPoints } from "#engine/containers/record.ts";
import type { ImageResolver } from "#engine/images/images.ts";
import { jsonText } from "./answer.ts";
import type { Call, Route } from "./call.ts";
import { containerFilter } from "./container-filters.ts";
import { endpointViews, portSummaries } from "./network-settings.ts";
import { statusText } from "./status-text.ts";

export interface ListDeps {
  readonly containers: Containers;
  readonly images: ImageResolver;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly encoder: SummaryEncoder;
}

export function containerListRoutes(deps: ListDeps): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/containers/json",
      handle: async (call) => jsonText(await listContainers(deps, call)),
    },
  ];
}

async function listContainers(deps: ListDeps, call: Call): Promise<string> {
  const { query, version } = call;
  const limit = query.findInteger("limit") ?? 0;
  const filter = containerFilter(deps, query.find("filters"));
  const isAll = query.boolean("all") || limit > 0 || filter.impliesAll;
  const records: ContainerRecord[] = [];
  for (const record of deps.containers.list()) {
    if (limit > 0 && records.length >= limit) break;
    if ((isAll || isUp(record)) && filter.matches(record)) records.push(record);
  }
  const sizes = query.boolean("size")
    ? await Promise.all(records.map((record) => sizesOf(deps, record)))
    : [];
  return deps.encoder.encode(records, version, sizes);
}

function isUp({ state }: ContainerRecord): boolean {
  return state.status === "running" || state.status === "paused" || state.status === "restarting";
}

/** Bytes. `rw` is undefined for a container that went meanwhile. */
interface Sizes {
  readonly rw: number | undefined;
  readonly rootFs: number;
}

export async function sizesOf(
  { containers, images }: Pick<ListDeps, "containers" | "images">,
  record: ContainerRecord,
): Promise<Sizes> {
  const rw = await containers.sizeRw(record.id).catch(() => undefined);
  return { rw, rootFs: (findImage(images, record)?.size ?? 0) + (rw ?? 0) };
}

function findImage(images: ImageResolver, record: ContainerRecord) {
  return images.findById(record.imageId as Parameters<ImageResolver["findById"]>[0]);
}

type EncoderDeps = Pick<ListDeps, "images" | "nowMs"> & { readonly containers: Pick<Containers, "list"> };

/** One container's encoded summary but for the parts that change without its record changing. */
interface Encoded {
  readonly shape: number;
  readonly image: string;
  /** Names by others' links, with blanks between them. */
  readonly links: string;
  readonly beforeSizes: string;
  readonly beforeStatus: string;
  readonly afterStatus: string;
}

/**
 * Encodes summaries and keeps what it encoded with each record: records are replaced as a whole, so a record that is the same
 * object has the same summary, but for its status text.
 */
export class SummaryEncoder {
  readonly #deps: EncoderDeps;
  readonly #kept = new WeakMap<ContainerRecord, Encoded>();

  constructor(deps: EncoderDeps) {
    this.#deps = deps;
  }

  /** A JSON array; `sizes` are in the order of `records`, or none. */
  encode(records: readonly ContainerRecord[], version: number, sizes: readonly Sizes[]): string {
    const nowMs = this.#deps.nowMs();
    const imageIds = new Map<string, string | undefined>();
    const links = linkNames(this.#deps.containers.list());
    let text = "[";
    for (const [index, record] of records.entries()) {
      const image = this.#imageText(record, imageIds);
      const encoded = this.#encodedOf(record, {
        version,
        image,
        links: links.get(record.id)?.join(" ") ?? "",
      });
      const size = sizes[index];
      if (index > 0) text += ",";
      text += encoded.beforeSizes;
      if (size !== undefined) text += sizeFields(size);
      text += `${encoded.beforeStatus}${statusText(record.state, nowMs)}${encoded.afterStatus}`;
    }
    return `${text}]`;
  }

  #encodedOf(
    record: ContainerRecord,
    { version, image, links }: { readonly version: number; readonly image: string; readonly links: string },
  ): Encoded {
    const shape = version >= 52 ? 52 : version >= 48 ? 48 : version >= 46 ? 46 : version >= 44 ? 44 : 24;
    const kept = this.#kept.get(record);
    if (kept !== undefined && kept.shape === shape && kept.image === image && kept.links === links)
      return kept;
    const encoded = encodeSummary(record, { shape, image, links });
    this.#kept.set(record, encoded);
    return encoded;
  }

  /** What the user typed, as long as that still names the container's image. */
  #imageText(record: ContainerRecord, imageIds: Map<string, string | undefined>): string {
    const typed = record.config.Image;
    if (!imageIds.has(typed)) imageIds.set(typed, this.#findImageId(typed));
    const id = imageIds.get(typed);
    return id === record.imageId ? typed : record.imageId;
  }

  #findImageId(name: string): string | undefined {
    try {
      return this.#deps.images.resolve(name).id;
    } catch {
      return undefined; // untagged or removed meanwhile
    }
  }
}

function sizeFields({ rw, rootFs }: Sizes): string {
  const rwField = rw === undefined || rw === 0 ? "" : `"SizeRw":${rw},`;
  return `${rwField}${rootFs === 0 ? "" : `"SizeRootFs":${rootFs},`}`;
}

function encodeSummary(
  record: ContainerRecord,
  { shape, image, links }: Pick<Encoded, "shape" | "image" | "links">,
): Encoded {
  const { id, name, imageId, args, created, config, hostConfig, state } = record;
  const first = {
    Id: id,
    Names: [`/${name}`, ...links.split(" ").filter(Boolean)].sort(),
    Image: image,
    ImageID: imageId,
    Command: commandText(args),
    Created: Math.floor(Date.parse(created) / 1000),
    Ports: portSummaries(record),
  };
  const last = {
    HostConfig: {
      NetworkMode: hostConfig.NetworkMode,
      ...(shape >= 46 && hostConfig.Annotations && { Annotations: hostConfig.Annotations }),
    },
    ...(shape >= 52 && {
      Health: { Status: state.health?.status ?? "none", FailingStreak: state.health?.failingStreak ?? 0 },
    }),
    NetworkSettings: { Networks: endpointViews(record, shape) },
    Mounts: mountPoints(record),
  };
  return {
    shape,
    image,
    links,
    beforeSizes: `${JSON.stringify(first).slice(0, -1)},`,
    beforeStatus: `"Labels":${JSON.stringify(config.Labels)},"State":"${state.status}","Status":"`,
    afterStatus: `",${JSON.stringify(last).slice(1)}`,
  };
}

/** Path and arguments; those with spaces in quotes. */
function commandText(args: readonly string[]): string {
  const [path = "", ...rest] = args;
  return [path, ...rest.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}
