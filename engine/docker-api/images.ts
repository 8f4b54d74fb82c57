import { matchesLabels, noFilters, parseFilters, booleanFilter, valuesFor } from "#api/docker/filters.ts";
import { formatVersion } from "#api/docker/versions.ts";
import { Fault } from "#base/fault.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { Distribution } from "#engine/images/distribution.ts";
import type { ImageRecord, Images, Progress } from "#engine/images/images.ts";
import { filterImages, nameFilter, parseImageListFilter } from "#engine/images/list-filter.ts";
import { imageHistory, imageInspect, imageSummary, layerUsers, sharedSizeOf } from "#engine/images/views.ts";
import type { OverlayMount, Snapshotter } from "#engine/snapshots/snapshotter.ts";
import { empty, json } from "./answer.ts";
import { checkExported, imageAsked, platformIn } from "./asked-platform.ts";
import type { Call, Handler, Route } from "./call.ts";
import { openImportSource } from "./import-source.ts";
import { progressLines } from "./progress.ts";
import { pullAnswer } from "./registry.ts";
import { parseUntil } from "./until.ts";

export interface ImageRouteDeps {
  readonly images: Images;
  readonly distribution: Distribution;
  readonly containers: Pick<Containers, "list">;
  readonly snapshots: Pick<Snapshotter, "root" | "mountOf">;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** @see Docker Engine API v1.51, /images */
export function imageRoutes(deps: ImageRouteDeps): readonly Route[] {
  const { images } = deps;
  return [
    { method: "GET", path: "/images/json", handle: list(deps) },
    { method: "POST", path: "/images/create", handle: create(deps) },
    { method: "POST", path: "/images/load", handle: load(deps) },
    { method: "POST", path: "/images/prune", handle: prune(deps) },
    {
      method: "GET",
      path: "/images/get",
      handle: (call) => save(deps, call, call.query.all("names")),
    },
    { method: "GET", path: "/images/{name}/get", handle: (call) => save(deps, call, [call.name]) },
    { method: "GET", path: "/images/{name}/json", handle: inspect(deps) },
    {
      method: "GET",
      path: "/images/{name}/history",
      handle: ({ name, query }) => json(imageHistory(imageAsked(images, name, query))),
    },
    {
      method: "POST",
      path: "/images/{name}/tag",
      handle: async ({ name, query }) => {
        await images.tag(name, query.text("repo"), query.text("tag"));
        return empty(201);
      },
    },
    {
      method: "DELETE",
      path: "/images/{name}",
      handle: async ({ name, query }) => {
        imageAsked(images, name, query, "platforms");
        const options = { force: query.boolean("force"), noprune: query.boolean("noprune") };
        return json(await images.remove(name, options));
      },
    },
  ];
}

function list({ images, containers, nowMs }: ImageRouteDeps): Handler {
  return ({ query, version }) => {
    const parsed = parseFilters(query.find("filters"), [
      "before",
      "dangling",
      "label",
      "reference",
      "since",
      "until",
    ]);
    const filter = parseImageListFilter(
      Object.fromEntries([...parsed].filter(([, values]) => values.length > 0)),
      (name) => images.resolve(name),
      (text) => parseUntil([text], nowMs()) ?? 0,
    );
    const all = images.list();
    const users = query.boolean("shared-size") ? layerUsers(all) : undefined;
    const withManifests = query.boolean("manifests");
    const uses = version >= 51 || withManifests ? containersByImage(containers) : undefined;
    return json(
      filterImages(all, filter).map((image) =>
        imageSummary(
          image,
          { apiVersion: formatVersion(version) },
          {
            sharedSize: users === undefined ? -1 : sharedSizeOf(image, users),
            containers: version < 51 ? -1 : (uses?.get(image.id)?.length ?? 0),
            shows: nameFilter(filter),
            ...(withManifests && { manifestsWith: uses?.get(image.id) ?? [] }),
          },
        ),
      ),
    );
  };
}

/** IDs of the containers of each image, by its ID. */
export function containersByImage(
  containers: Pick<Containers, "list">,
): ReadonlyMap<string, readonly string[]> {
  const uses = new Map<string, string[]>();
  for (const { id, imageId } of containers.list()) {
    const ids = uses.get(imageId);
    if (ids === undefined) uses.set(imageId, [id]);
    else ids.push(id);
  }
  return uses;
}

function inspect({ images, containers, snapshots }: ImageRouteDeps): Handler {
  return ({ name, query, version }) => {
    if (query.boolean("manifests") && query.text("platform") !== "")
      throw new Fault("invalid", "conflicting options: manifests and platform options cannot both be set");
    const image = imageAsked(images, name, query);
    return json(
      imageInspect(
        image,
        { apiVersion: formatVersion(version), snapshotRoot: snapshots.root },
        {
          mount: findMount(snapshots, image),
          ...(query.boolean("manifests") && {
            manifestsWith: containersByImage(containers).get(image.id) ?? [],
          }),
        },
      ),
    );
  };
}

function findMount(snapshots: Pick<Snapshotter, "mountOf">, image: ImageRecord): OverlayMount | undefined {
  const top = image.chainIds.at(-1);
  try {
    return top === undefined ? undefined : snapshots.mountOf(top);
  } catch {
    return undefined; // being removed
  }
}

function create(deps: ImageRouteDeps): Handler {
  return (call) => {
    const { query } = call;
    if (query.text("fromImage") !== "") return pullAnswer(deps.distribution, call);
    const source = query.text("fromSrc");
    if (source === "") throw new Fault("invalid", "either fromImage or fromSrc has to be given");
    return importArchive(deps, source, call);
  };
}

function importArchive({ images }: ImageRouteDeps, source: string, { query, request, signal }: Call) {
  const reference = referenceOf(query.text("repo"), query.text("tag"));
  const address = source === "-" || source.includes("://") ? source : `http://${source}`;
  const [message, platform] = [query.text("message"), query.text("platform")];
  const options = {
    ...(reference !== "" && { reference }),
    message: message === "" ? `Imported from ${address}` : message,
    ...(platform !== "" && { platform }),
    changes: query.all("changes"),
  };
  return {
    kind: "stream",
    type: "application/json",
    start: "first-chunk",
    onFailure: "report",
    chunks: progressLines(async (report) => {
      const archive = source === "-" ? request : await openImportSource(address, report, signal);
      return [{ status: await images.importRootfs(archive, options, signal) }];
    }),
  } as const;
}

function referenceOf(repository: string, tag: string): string {
  return repository === "" || tag === "" ? repository : `${repository}:${tag}`;
}

function load({ images }: ImageRouteDeps): Handler {
  return ({ query, request, signal }) => {
    const isQuiet = query.boolean("quiet");
    const platform = platformIn(query.text("platform"));
    return {
      kind: "stream",
      type: "application/json",
      start: "first-chunk",
      onFailure: "report-always",
      chunks: progressLines(async (report) => {
        const tell = (progress: Progress) => {
          if (!isQuiet || progress.stream !== undefined) report(progress);
        };
        await images.load(request, { report: tell, ...(platform && { platform }) }, signal);
        return [];
      }),
    };
  };
}

async function save({ images }: ImageRouteDeps, { signal, query }: Call, names: readonly string[]) {
  checkExported(images, names, query);
  return {
    kind: "stream",
    type: "application/x-tar",
    start: "now",
    onFailure: "cut",
    chunks: await images.save(names, signal),
  } as const;
}

function prune({ images, nowMs }: ImageRouteDeps): Handler {
  return async ({ query }) => {
    const filters = parseFilters(query.find("filters"), ["dangling", "label", "label!", "until"]);
    const isDangling = booleanFilter(filters, "dangling") ?? true;
    const until = parseUntil(valuesFor(filters, "until"), nowMs());
    const labelFilters = filters.size === 0 ? noFilters : filters;
    const { removed, bytes } = await images.prune({
      all: !isDangling,
      ...(until !== undefined && { until }),
      matches: (labels) => matchesLabels(labelFilters, labels),
    });
    return json({ ImagesDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: bytes });
  };
}
