import { createHash } from "node:crypto";
import { Fault, isFault } from "#base/fault.ts";
import type { Decoded } from "../load/shape.ts";
import type { Network, Volume } from "../model.ts";
import { escapeHtml, toPlain, writeJson } from "../render/json.ts";
import type { Session } from "../session.ts";
import { label, peerVersion } from "./labels.ts";

export function configHash(item: Network | Volume): string {
  const json = escapeHtml(writeJson(toPlain(item as unknown as Decoded)));
  return createHash("sha256").update(json).digest("hex");
}

/** Makes the networks of a project that are not there. @throws {Fault} `not-found` for an external one that is missing */
export async function ensureNetworks(session: Session): Promise<void> {
  await Promise.all(
    [...session.project.networks].map(([key, network]) => ensureNetwork(session, key, network)),
  );
}

async function ensureNetwork(session: Session, key: string, network: Network): Promise<void> {
  const { client, project, signal, progress } = session;
  const found = (await client.listNetworks({ name: [network.name] }, signal)).find(
    ({ Name }) => Name === network.name,
  );
  if (network.external === true) {
    if (found === undefined && !["host", "none", "bridge"].includes(network.name))
      throw new Fault("not-found", `network ${network.name} declared as external, but could not be found`);
    return;
  }
  if (found !== undefined) return await checkOwner(session, key, network, found.Labels ?? {});
  progress.event({ id: `Network ${network.name}`, text: "Creating", status: "working" });
  await client
    .createNetwork(
      {
        Name: network.name,
        Driver: network.driver ?? "",
        Options: Object.fromEntries(network.driver_opts ?? []),
        Internal: network.internal ?? false,
        Attachable: network.attachable ?? false,
        ...(network.enable_ipv6 === undefined ? {} : { EnableIPv6: network.enable_ipv6 }),
        ...(network.enable_ipv4 === undefined ? {} : { EnableIPv4: network.enable_ipv4 }),
        IPAM: ipamOf(network),
        Labels: {
          ...Object.fromEntries(network.labels ?? []),
          [label.network]: key,
          [label.project]: project.name,
          [label.version]: peerVersion,
          [label.hash]: configHash(network),
        },
      },
      signal,
    )
    .catch((error: unknown) => {
      progress.event({ id: `Network ${network.name}`, text: "Error", status: "error" });
      if (isFault(error))
        throw new Fault(
          error.kind,
          `failed to create network ${network.name}: Error response from daemon: ${error.message}`,
          { cause: error },
        );
      throw error;
    });
  progress.event({ id: `Network ${network.name}`, text: "Created", status: "done" });
}

async function checkOwner(
  session: Session,
  key: string,
  network: Network,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const { project } = session;
  const owner = labels[label.project];
  if (owner === undefined)
    throw new Fault(
      "conflict",
      `network ${network.name} was found but has incorrect label ${label.network} set to "" (expected: "${key}")`,
    );
  if (owner !== project.name)
    session.warn(
      `a network with name ${network.name} exists but was not created for project "${project.name}".\nSet \`external: true\` to use an existing network`,
    );
}

function ipamOf({ ipam }: Network): object | undefined {
  const { driver, config } = ipam ?? {};
  if (driver === undefined && config === undefined) return undefined;
  return {
    Driver: driver ?? "",
    Config: (config ?? []).map((pool) => ({
      Subnet: pool.subnet ?? "",
      IPRange: pool.ip_range ?? "",
      Gateway: pool.gateway ?? "",
      AuxiliaryAddresses: Object.fromEntries(pool.aux_addresses ?? []),
    })),
  };
}

function volumeHash({ name, driver = "local", ...rest }: Volume): string {
  return configHash({ name, driver, ...rest });
}

/** Makes the volumes of a project that are not there. @throws {Fault} `not-found` for an external one that is missing */
export async function ensureVolumes(session: Session): Promise<void> {
  await Promise.all([...session.project.volumes].map(([key, volume]) => ensureVolume(session, key, volume)));
}

async function ensureVolume(session: Session, key: string, volume: Volume): Promise<void> {
  const { client, project, signal, progress, warn } = session;
  const found = await client.inspectVolume(volume.name, signal).catch((error: unknown) => {
    if (!isFault(error, "not-found")) throw error;
  });
  if (volume.external === true) {
    if (found === undefined) throw new Fault("not-found", `external volume "${volume.name}" not found`);
    return;
  }
  if (found !== undefined) {
    const owner = found.Labels?.[label.project];
    if (owner === undefined)
      warn(
        `volume "${volume.name}" already exists but was not created by Docker Compose. Use \`external: true\` to use an existing volume`,
      );
    else if (owner !== project.name)
      warn(
        `volume "${volume.name}" already exists but was created for project "${owner}" (expected "${project.name}"). Use \`external: true\` to use an existing volume`,
      );
    return;
  }
  progress.event({ id: `Volume ${volume.name}`, text: "Creating", status: "working" });
  await client.createVolume(
    {
      Name: volume.name,
      Driver: volume.driver ?? "",
      DriverOpts: Object.fromEntries(volume.driver_opts ?? []),
      Labels: {
        ...Object.fromEntries(volume.labels ?? []),
        [label.volume]: key,
        [label.project]: project.name,
        [label.version]: peerVersion,
        [label.hash]: volumeHash(volume),
      },
    },
    signal,
  );
  progress.event({ id: `Volume ${volume.name}`, text: "Created", status: "done" });
}
