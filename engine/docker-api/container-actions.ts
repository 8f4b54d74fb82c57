import { matchesLabels, parseFilters, valuesFor } from "#api/docker/filters.ts";
import { decodeBody } from "#api/docker/shapes.ts";
import { checkContainerName } from "#api/docker/validate-create.ts";
import { formatVersion } from "#api/docker/versions.ts";
import { Fault, isFault } from "#base/fault.ts";
import type { Containers } from "#engine/containers/containers.ts";
import { empty, json } from "./answer.ts";
import type { Call, Handler, Route } from "./call.ts";
import { parseUntil } from "./until.ts";

export interface ActionDeps {
  readonly containers: Containers;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

export function containerActionRoutes(deps: ActionDeps): readonly Route[] {
  const { containers } = deps;
  const post = (action: string, act: (call: Call) => Promise<void>): Route => ({
    method: "POST",
    path: `/containers/{id}/${action}`,
    handle: async (call) => {
      await act(call);
      return empty(204);
    },
  });
  return [
    { method: "POST", path: "/containers/create", handle: create(deps) },
    { method: "POST", path: "/containers/prune", handle: prune(deps) },
    { method: "DELETE", path: "/containers/{id}", handle: remove(deps) },
    { method: "DELETE", path: "/containers/{id}/{alias}", handle: removeLink(deps) },
    { method: "POST", path: "/containers/{id}/resize", handle: resize(deps) },
    post("start", ({ name, query, lifetime }) => {
      if (query.text("checkpoint") !== "")
        throw new Fault("invalid", "checkpoint is only supported in experimental mode");
      return containers.start(name, lifetime);
    }),
    post("stop", (call) => containers.stop(call.name, stopOptions(call))),
    post("restart", (call) => containers.restart(call.name, stopOptions(call))),
    post("kill", ({ name, query }) => containers.kill(name, query.text("signal") || "SIGKILL")),
    post("pause", ({ name }) => containers.pause(name)),
    post("unpause", ({ name }) => containers.unpause(name)),
    post("rename", (call) => rename(deps, call)),
    { method: "POST", path: "/containers/{id}/update", handle: update(deps) },
    {
      method: "GET",
      path: "/containers/{id}/changes",
      handle: async ({ name }) => json(await containers.changes(name)),
    },
  ];
}

function create({ containers }: ActionDeps): Handler {
  return async (call) => {
    const { query, version } = call;
    const name = query.text("name").replace(/^\//, "");
    if (name !== "") checkContainerName(name);
    const body = decodeBody.create(await call.requiredJson());
    if (Object.keys(body).length === 0)
      throw new Fault("invalid", "config cannot be empty in order to create a container");
    const platform = query.text("platform");
    const { id, warnings } = await containers.create(
      {
        ...(name !== "" && { name }),
        body,
        ...(platform !== "" && { platform }),
        apiVersion: formatVersion(version),
      },
      call.lifetime,
    );
    return json({ Id: id, Warnings: warnings }, 201);
  };
}

/** Before 1.42 there was no `signal`. */
function stopOptions({ query, version }: Call): { readonly signal?: string; readonly timeoutS?: number } {
  const signal = version >= 42 ? query.text("signal") : "";
  const timeoutS = query.findInteger("t");
  return { ...(signal !== "" && { signal }), ...(timeoutS !== undefined && { timeoutS }) };
}

async function rename({ containers }: ActionDeps, { name, query }: Call): Promise<void> {
  const next = query.text("name").replace(/^\//, "");
  const record = containers.get(name);
  if (next === "") throw new Fault("invalid", "Neither old nor new names may be empty");
  if (next === record.name)
    throw new Fault("invalid", "Renaming a container with the same name as its current name");
  try {
    checkContainerName(next, `/${next}`);
    await containers.rename(name, next);
  } catch (error) {
    if (!isFault(error) || !/^(Conflict\.|Invalid container name)/.test(error.message)) throw error;
    throw new Fault(error.kind, `Error when allocating new name: ${error.message}`);
  }
}

/** A link's name has a slash in it; containers have none of these names. */
function removeLink({ containers }: ActionDeps): Handler {
  return async ({ name, query }) => {
    if (!query.boolean("link")) throw new Fault("not-found", `No such container: ${name}`);
    await containers.removeLink(name);
    return empty(204);
  };
}

function remove({ containers }: ActionDeps): Handler {
  return async ({ name, query }) => {
    if (query.boolean("link")) {
      containers.get(name);
      throw new Fault("invalid", "Conflict, cannot remove the default link name of the container");
    }
    await containers.remove(name, { force: query.boolean("force"), volumes: query.boolean("v") });
    return empty(204);
  };
}

function resize({ containers }: ActionDeps): Handler {
  return async (call) => {
    const size = terminalSize(call);
    await containers.resize(call.name, size);
    return empty(200);
  };
}

/** @throws {Fault} `invalid` for anything but two numbers of 16 bits */
export function terminalSize({ query }: Call): { readonly height: number; readonly width: number } {
  const side = (name: string, called: string) => {
    const text = query.text(name);
    const isNumber = /^\d+$/.test(text);
    if (isNumber && Number(text) <= 0xffff) return Number(text);
    const reason = isNumber ? "value out of range" : "invalid syntax";
    throw new Fault("invalid", `invalid resize ${called} ${JSON.stringify(text)}: ${reason}`);
  };
  return { height: side("h", "height"), width: side("w", "width") };
}

function update({ containers }: ActionDeps): Handler {
  return async (call) => {
    const body = decodeBody.update(await call.requiredJson());
    const warnings = await containers.update(call.name, body, call.version);
    return json({ Warnings: warnings.length === 0 ? null : warnings });
  };
}

function prune({ containers, nowMs }: ActionDeps): Handler {
  return async ({ query }) => {
    const filters = parseFilters(query.find("filters"), ["label", "label!", "until"]);
    const until = parseUntil(valuesFor(filters, "until"), nowMs());
    const { removed, bytes } = await containers.prune(
      (record) =>
        matchesLabels(filters, record.config.Labels) &&
        (until === undefined || Date.parse(record.created) < until),
    );
    return json({ ContainersDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: bytes });
  };
}
