import type { ContainerSummary } from "#client/docker-types.ts";
import type { DockerClient } from "#client/docker-client.ts";

/** A client that asks and changes nothing: what would be made gets an ID of its own. */
export function dryRunClient(client: DockerClient): DockerClient {
  const nothing = async () => {};
  const none = async function* () {};
  const made: ContainerSummary[] = [];
  return {
    ...client,
    listContainers: async (options, signal) => [...(await client.listContainers(options, signal)), ...made],
    async createContainer(name, body) {
      const Id = `dry-run-${name}`;
      made.push(summaryOf(Id, name, body.Labels as Readonly<Record<string, string>>));
      return { Id, Warnings: null };
    },
    startContainer: nothing,
    stopContainer: nothing,
    restartContainer: nothing,
    killContainer: nothing,
    pauseContainer: nothing,
    unpauseContainer: nothing,
    renameContainer: nothing,
    removeContainer: nothing,
    putArchive: nothing,
    createNetwork: async () => ({ Id: "dry-run", Warning: "" }),
    removeNetwork: nothing,
    createVolume: async () => ({ Name: "", Driver: "", Mountpoint: "", Labels: {}, Scope: "local" }),
    removeVolume: nothing,
    removeImage: async () => [],
    pullImage: none,
    pushImage: none,
    buildImage: none,
    tagImage: nothing,
  };
}

function summaryOf(Id: string, name: string, Labels: Readonly<Record<string, string>>): ContainerSummary {
  return {
    Id,
    Names: [`/${name}`],
    Image: "",
    ImageID: "",
    Command: "",
    Created: 0,
    Ports: null,
    Labels,
    State: "created",
    Status: "Created",
    Mounts: null,
  };
}
