import type { CreateBody } from "#api/docker/container.ts";
import { decodeBody } from "#api/docker/shapes.ts";
import type { Containers } from "#engine/containers/containers.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import { json } from "./answer.ts";
import type { Handler, Route } from "./call.ts";

/** @see Docker Engine API v1.51, POST /commit */
export function commitRoutes({ containers }: { readonly containers: Containers }): readonly Route[] {
  return [{ method: "POST", path: "/commit", handle: commit(containers) }];
}

function commit(containers: Containers): Handler {
  return async (call) => {
    const { query } = call;
    const [repository, tag] = [query.text("repo"), query.text("tag")];
    const [author, comment] = [query.text("author"), query.text("comment")];
    const id = await containers.commit(
      query.text("container"),
      {
        ...(repository !== "" && { reference: tag === "" ? repository : `${repository}:${tag}` }),
        ...(author !== "" && { author }),
        ...(comment !== "" && { comment }),
        changes: query.all("changes"),
        config: imageConfig(decodeBody.create((await call.json()) ?? {})),
        pause: query.text("pause") === "" || query.boolean("pause"),
      },
      call.signal,
    );
    return json({ Id: id }, 201);
  };
}

/** What of a container's config an image can have. */
function imageConfig(body: CreateBody): ImageRuntimeConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels } = body;
  const { StopSignal, Healthcheck, OnBuild, Shell } = body;
  const given = { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels };
  const rest = { StopSignal, Healthcheck, OnBuild, Shell };
  const entries = Object.entries({ ...given, ...rest }).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries(entries) as ImageRuntimeConfig;
}
