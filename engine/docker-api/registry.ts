import { decodeBody } from "#api/docker/shapes.ts";
import type { Distribution } from "#engine/images/distribution.ts";
import type { Images } from "#engine/images/images.ts";
import type { Credentials } from "#engine/registry/credentials.ts";
import { json, type StreamAnswer } from "./answer.ts";
import { platformIn } from "./asked-platform.ts";
import type { Call, Route } from "./call.ts";
import { progressLines } from "./progress.ts";
import { parseRegistryAuth, parseRegistryConfig } from "./registry-auth.ts";
import { searchAnswer } from "./search.ts";

export interface RegistryRouteDeps {
  readonly distribution: Distribution;
  readonly images: Images;
}

/** @see Docker Engine API v1.51, POST /images/{name}/push, GET /distribution/{name}/json, POST /auth, GET /images/search */
export function registryRoutes({ distribution }: RegistryRouteDeps): readonly Route[] {
  return [
    { method: "POST", path: "/images/{name}/push", handle: (call) => pushAnswer(distribution, call) },
    {
      method: "GET",
      path: "/distribution/{name}/json",
      handle: async (call) => {
        const { descriptor, platforms } = await distribution.inspect(
          call.name,
          credentialsOf(call),
          call.signal,
        );
        return json({ Descriptor: descriptor, Platforms: platforms });
      },
    },
    {
      method: "POST",
      path: "/auth",
      handle: async (call) => {
        const body = decodeBody.auth(await call.requiredJson());
        await distribution.login(body.serveraddress ?? "", credentialsIn(body), call.signal);
        return json({ IdentityToken: "", Status: "Login Succeeded" });
      },
    },
    {
      method: "GET",
      path: "/images/search",
      handle: async (call) => await searchAnswer(distribution, call, credentialsOf(call)),
    },
  ];
}

/** `POST /images/create?fromImage=` */
export function pullAnswer(distribution: Distribution, call: Call): StreamAnswer {
  const { query, signal } = call;
  const [name, tag] = [query.text("fromImage"), query.text("tag")];
  const request = {
    name,
    tag,
    // Docker's clients say nothing about the tag when they want all of them.
    isAll: tag === "" && !/[@]|:[^/]*$/.test(name),
    platform: query.text("platform"),
    credentials: credentialsOf(call),
  };
  return streamOf((report) => distribution.pull(request, report, signal));
}

function pushAnswer(distribution: Distribution, call: Call): StreamAnswer {
  const { name, query, signal } = call;
  const request = {
    name,
    tag: query.text("tag"),
    platform: platformIn(query.text("platform")),
    credentials: credentialsOf(call),
  };
  return streamOf((report) => distribution.push(request, report, signal));
}

function streamOf(work: (report: Parameters<Distribution["pull"]>[1]) => Promise<void>): StreamAnswer {
  return {
    kind: "stream",
    type: "application/json",
    start: "first-chunk",
    onFailure: "report",
    chunks: progressLines(async (report) => {
      await work(report);
      return [];
    }),
  };
}

function credentialsOf({ headers }: Call): Credentials {
  const header = headers["x-registry-auth"];
  return typeof header === "string" ? credentialsIn(parseRegistryAuth(header)) : {};
}

/** Of a build, which may need several registries. */
export function credentialsFor({ headers }: Call): (domain: string) => Credentials {
  const header = headers["x-registry-config"];
  const find = parseRegistryConfig(typeof header === "string" ? header : "");
  return (domain) => credentialsIn(find(domain));
}

function credentialsIn(config: ReturnType<typeof parseRegistryAuth>): Credentials {
  const { username = "", password = "", identitytoken = "", registrytoken = "" } = config;
  return { username, password, identityToken: identitytoken, registryToken: registrytoken };
}
