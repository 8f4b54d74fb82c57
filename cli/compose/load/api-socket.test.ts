import assert from "node:assert/strict";
import { test } from "node:test";
import type { Project, Service } from "../model.ts";
import { usesApiSocket, withApiSocket } from "./api-socket.ts";

const projectOf = (service: Partial<Service>) =>
  ({ services: new Map([["web", service]]), configs: new Map() }) as unknown as Project;

test("withApiSocket: a service gets the socket, and the credentials where its client looks for them", () => {
  const project = projectOf({ use_api_socket: true, environment: new Map([["A", "1"]]) });
  assert.ok(usesApiSocket(project));
  const made = withApiSocket(project, { "r.example": { auth: "x" } });
  const web = made.services.get("web");
  assert.deepEqual(
    web?.volumes?.map(({ source, target }) => [source, target]),
    [["/var/run/docker.sock", "/var/run/docker.sock"]],
  );
  assert.deepEqual(
    [...(web.environment ?? [])],
    [
      ["DOCKER_CONFIG", "/run/secrets/docker"],
      ["A", "1"],
    ],
  );
  const [config] = web.configs ?? [];
  assert.equal(config?.target, "/run/secrets/docker/config.json");
  assert.deepEqual(JSON.parse(made.configs.get(config.source)?.content ?? ""), {
    auths: { "r.example": { auth: "x" } },
  });
});

test("withApiSocket: other services stay as they are", () => {
  const project = projectOf({ image: "x" });
  assert.ok(!usesApiSocket(project));
  assert.equal(withApiSocket(project, {}).services.get("web"), project.services.get("web"));
});
