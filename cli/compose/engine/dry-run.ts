import type { DockerClient } from "#client/docker-client.ts";

/** A client that asks and changes nothing: what would be made gets an ID of its own. */
export function dryRunClient(client: DockerClient): DockerClient {
  const nothing = async () => {};
  const none = async function* () {};
  return {
    ...client,
    createContainer: async (name) => ({ Id: `dry-run-${name}`, Warnings: null }),
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
