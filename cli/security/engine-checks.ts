import { type Check, type EngineFacts, when } from "./check.ts";

const has = (engine: EngineFacts, name: string) =>
  engine.securityOptions.some((option) => option.split(",")[0] === `name=${name}`);

/** How the engine is set up: section 2 of the benchmark. */
export const engineChecks: readonly Check[] = [
  {
    id: "2.2",
    title: "Containers on the default bridge do not reach each other",
    find: ({ engine }) => when(engine.connectsBridge, "use --icc=false or --hardened"),
  },
  {
    id: "2.5",
    title: "Registries are spoken to over TLS",
    find: ({ engine }) =>
      engine.insecureRegistries.filter((it) => !/^(127\.|::1)/.test(it)).map((it) => `${it} is insecure`),
  },
  {
    id: "2.6",
    title: "The storage driver is one that is maintained",
    find: ({ engine }) => when(/^(aufs|devicemapper)$/.test(engine.storageDriver), engine.storageDriver),
  },
  {
    id: "2.7",
    title: "No requests are taken by TCP without TLS and a client's certificate",
    find: ({ engine }) => engine.plainAddresses.map((address) => `whoever reaches ${address} is root here`),
  },
  {
    id: "2.9",
    title: "Root in containers is not root on the host",
    find: ({ engine }) => when(!has(engine, "userns"), "user namespaces are not in use for all containers"),
  },
  {
    id: "2.12",
    title: "Requests are authorized by a plugin",
    find: ({ engine }) => when(engine.authorizationPlugins.length === 0, "use --authorization-plugin"),
  },
  {
    id: "2.13",
    title: "Logs go to a place of their own",
    find: ({ engine }) =>
      when(/^(json-file|local|none)$/.test(engine.loggingDriver), `the driver is ${engine.loggingDriver}`),
  },
  {
    id: "2.14",
    title: "No program in a container gains privileges",
    find: ({ engine }) => when(!has(engine, "no-new-privileges"), "use --no-new-privileges or --hardened"),
  },
  {
    id: "2.15",
    title: "Containers go on when the engine ends",
    find: ({ engine }) => when(!engine.liveRestore, "they would end with it"),
  },
  {
    id: "2.16",
    title: "No process forwards ports",
    find: ({ engine }) => when(engine.hasProxyProcess, "docker-proxy runs"),
  },
  {
    id: "2.17",
    title: "System calls are filtered, by the default profile",
    find: ({ engine }) => when(!has(engine, "seccomp"), "seccomp is off"),
  },
  {
    id: "2.18",
    title: "No experimental features are on",
    find: ({ engine }) => when(engine.isExperimental, "they are"),
  },
  {
    id: "2.19",
    title: "Limits for memory, processors and processes work on this machine",
    find: ({ engine }) => engine.warnings.filter((it) => /limit|cgroup|quota|shares/i.test(it)),
  },
  { id: "7.1", title: "No swarm", find: ({ engine }) => when(engine.isSwarm, "this engine is part of one") },
];
