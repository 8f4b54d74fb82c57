import { messageOf } from "#base/fault.ts";
import { type DockerClient, dockerClient } from "#client/docker-client.ts";
import type { Context } from "./context.ts";
import { chooseEndpoint } from "./contexts/choose-endpoint.ts";
import { Exit } from "./failure.ts";
import { ownVersion } from "./own-version.ts";
import { openTransport } from "./transport/open-transport.ts";

/** A client of the engine that flags, environment and contexts name. @throws {Exit} when they name none */
export function openEngineClient(context: Context): DockerClient {
  const headers = { "User-Agent": `Gantry-Client/${ownVersion}`, ...context.config().httpHeaders };
  return dockerClient(
    openTransport(endpointFor(context), headers),
    context.env["DOCKER_API_VERSION"] || undefined,
  );
}

function endpointFor(context: Context) {
  try {
    return chooseEndpoint(context);
  } catch (error) {
    if (error instanceof Exit) throw error;
    throw new Exit(1, `Failed to initialize: unable to resolve docker endpoint: ${messageOf(error)}`);
  }
}
