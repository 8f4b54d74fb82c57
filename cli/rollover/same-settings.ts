import { isDeepStrictEqual } from "node:util";
import type {
  ContainerConfig,
  CreateBody,
  EndpointSettings,
  MountPoint,
  MountRequest,
} from "#api/docker/container.ts";

/** What inspect says of a container, as far as it becomes another one. */
export interface Original {
  readonly Id: string;
  readonly Name: string;
  readonly Config: Partial<ContainerConfig>;
  readonly HostConfig: Readonly<Record<string, unknown>> & {
    readonly Binds?: readonly string[] | null;
    readonly Mounts?: readonly MountRequest[] | null;
    readonly Links?: readonly string[] | null;
    readonly NetworkMode?: string;
  };
  readonly Mounts?: readonly MountPoint[] | null;
  readonly NetworkSettings: {
    readonly Networks?: Readonly<Record<string, Partial<EndpointSettings>>> | null;
  };
}

type ImageDefaults = Readonly<Record<string, unknown>> | null | undefined;

const composeImage = "com.docker.compose.image";

/**
 * The body that makes a container like an existing one, of the image that its name stands for now. What came from the old image and not
 * from the one who made the container is left to the new image. Volumes stay, also those without a name.
 *
 * @param defaults the old image's configuration
 * @param imageId what Compose is to believe that the container is of
 */
export function sameSettings(original: Original, defaults: ImageDefaults, imageId: string): CreateBody {
  const { Config, HostConfig } = original;
  const mode = HostConfig.NetworkMode ?? "default";
  const isShared = mode.startsWith("container:");
  const own: Record<string, unknown> = {
    ...withoutDefaults(Config, defaults ?? {}),
    ...composeLabel(Config, defaults ?? {}, imageId),
  };
  const hasOwnHostname = Config.Hostname !== original.Id.slice(0, 12) && !isShared && mode !== "host";
  if (!hasOwnHostname) delete own["Hostname"];
  if (isShared) delete own["ExposedPorts"];
  const endpoints = Object.entries(original.NetworkSettings.Networks ?? {}).map(
    ([name, endpoint]) => [name, endpointOf(endpoint, original.Id)] as const,
  );
  return {
    ...own,
    Image: Config.Image,
    HostConfig: { ...HostConfig, ...volumesOf(original), Links: linksOf(HostConfig.Links) },
    NetworkingConfig: { EndpointsConfig: isShared ? {} : Object.fromEntries(endpoints) },
  } as unknown as CreateBody;
}

/** Settings that stand for themselves: absent where they are the image's. */
const plain = ["User", "WorkingDir", "StopSignal", "Healthcheck", "Shell", "OnBuild"] as const;

function withoutDefaults(config: Partial<ContainerConfig>, defaults: NonNullable<ImageDefaults>) {
  const own: Record<string, unknown> = { ...config };
  for (const field of plain) if (isDeepStrictEqual(own[field], defaults[field])) delete own[field];
  const isEntrypointKept = !isDeepStrictEqual(config.Entrypoint ?? null, defaults["Entrypoint"] ?? null);
  // An entry point of one's own takes the image's command away: then even an equal one was meant.
  if (!isEntrypointKept) {
    delete own["Entrypoint"];
    if (isDeepStrictEqual(config.Cmd ?? null, defaults["Cmd"] ?? null)) delete own["Cmd"];
  }
  const given = (defaults["Env"] ?? []) as readonly string[];
  own["Env"] = (config.Env ?? []).filter((entry) => !given.includes(entry));
  for (const field of ["ExposedPorts", "Volumes", "Labels"] as const)
    own[field] = difference(
      config[field],
      defaults[field] as Readonly<Record<string, unknown>> | null | undefined,
    );
  return own;
}

function difference(
  own: Readonly<Record<string, unknown>> | null | undefined,
  defaults: Readonly<Record<string, unknown>> | null | undefined,
): Readonly<Record<string, unknown>> {
  const isOwn = ([key, value]: [string, unknown]) =>
    !Object.hasOwn(defaults ?? {}, key) || !isDeepStrictEqual(defaults?.[key], value);
  return Object.fromEntries(Object.entries(own ?? {}).filter(isOwn));
}

/** Compose recreates what is not of the image that the label names. */
function composeLabel(
  config: Partial<ContainerConfig>,
  defaults: NonNullable<ImageDefaults>,
  imageId: string,
) {
  if (config.Labels?.[composeImage] === undefined) return {};
  const given = defaults["Labels"] as Readonly<Record<string, unknown>> | null | undefined;
  return { Labels: { ...difference(config.Labels, given), [composeImage]: imageId } };
}

/** Volumes that were made with the container have no other mention than where they are mounted. */
function volumesOf({ HostConfig, Mounts }: Original) {
  const { Binds, Mounts: given } = HostConfig;
  const targets = new Set((Binds ?? []).map((bind) => bind.split(":")[1]));
  for (const mount of given ?? []) targets.add(mount.Target);
  const volumes = (Mounts ?? []).filter(({ Type }) => Type === "volume");
  const found = volumes.filter(({ Destination }) => !targets.has(Destination));
  const nameAt = (target: string) => volumes.find(({ Destination }) => Destination === target)?.Name;
  return {
    Binds: [
      ...(Binds ?? []),
      ...found.map(({ Name, Destination, RW }) => `${Name}:${Destination}${RW ? "" : ":ro"}`),
    ],
    ...(given != null && {
      Mounts: given.map((mount) =>
        mount.Type === "volume" && (mount.Source ?? "") === ""
          ? { ...mount, Source: nameAt(mount.Target) }
          : mount,
      ),
    }),
  };
}

/** `/db:/web/database` in what inspect says is `db:database` in what create takes. */
function linksOf(links: readonly string[] | null | undefined): readonly string[] {
  return (links ?? []).map((link) => {
    const [target = "", alias = ""] = link.split(":");
    return `${target.replace(/^\//, "")}:${alias.slice(alias.lastIndexOf("/") + 1)}`;
  });
}

function endpointOf(
  { IPAMConfig, Links, Aliases, DriverOpts, GwPriority }: Partial<EndpointSettings>,
  id: string,
) {
  const aliases = (Aliases ?? []).filter((alias) => alias !== id.slice(0, 12));
  return {
    ...(IPAMConfig != null && { IPAMConfig }),
    ...(Links != null && { Links }),
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(DriverOpts != null && { DriverOpts }),
    ...(GwPriority !== undefined && { GwPriority }),
  };
}
