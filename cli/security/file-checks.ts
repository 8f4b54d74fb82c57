import { join } from "node:path";
import { type Check, type FileFacts, type SecurityFacts, when } from "./check.ts";

interface Expectation {
  readonly id: string;
  readonly what: string;
  readonly paths: (facts: SecurityFacts) => readonly string[];
  /** Permission bits that nobody may have. */
  readonly forbidden: number;
}

const others = 0o077;
const writers = 0o022;
const inRoot =
  (name: string) =>
  ({ root }: SecurityFacts) => [join(root, name)];
const inRun =
  (name: string) =>
  ({ run }: SecurityFacts) => [join(run, name)];
const fixed =
  (...paths: readonly string[]) =>
  () =>
    paths;

/** What is on disk and who may do what with it: section 3 of the benchmark, and what of it is the engine's own. */
const expectations: readonly Expectation[] = [
  { id: "3.1", what: "the data folder is root's alone", paths: ({ root }) => [root], forbidden: others },
  {
    id: "3.2",
    what: "the run folder is written by root alone",
    paths: ({ run }) => [run],
    forbidden: writers,
  },
  { id: "3.3", what: "the socket is for root and its group", paths: inRun("docker.sock"), forbidden: 0o007 },
  { id: "3.4", what: "the records are root's alone", paths: inRoot("engine.db"), forbidden: 0o033 },
  { id: "3.5", what: "snapshots are root's alone", paths: inRoot("snapshots"), forbidden: others },
  { id: "3.6", what: "volumes are root's alone", paths: inRoot("volumes"), forbidden: others },
  { id: "3.7", what: "blobs are written by root alone", paths: inRoot("blobs"), forbidden: writers },
  { id: "3.8", what: "the lock is root's alone", paths: inRoot("engine.lock"), forbidden: others },
  { id: "3.9", what: "the log is written by root alone", paths: inRoot("engine.log"), forbidden: 0o027 },
  { id: "3.10", what: "folders of containers are root's alone", paths: inRun("c"), forbidden: others },
  { id: "3.11", what: "sockets of shims are root's alone", paths: inRun("s"), forbidden: others },
  { id: "3.12", what: "the runtime's state is root's alone", paths: inRun("crun"), forbidden: others },
  {
    id: "3.13",
    what: "the runtime is written by root alone",
    paths: fixed("/usr/bin/crun"),
    forbidden: writers,
  },
  {
    id: "3.13a",
    what: "gantry is written by root alone",
    paths: ({ programs }) => programs,
    forbidden: writers,
  },
  {
    id: "3.14",
    what: "TLS certificates are written by root alone",
    paths: ({ engine }) => engine.certificates,
    forbidden: writers,
  },
  { id: "3.15", what: "TLS keys are root's alone", paths: ({ engine }) => engine.keys, forbidden: others },
  {
    id: "3.16",
    what: "/etc/docker is written by root alone",
    paths: fixed("/etc/docker"),
    forbidden: writers,
  },
  {
    id: "3.17",
    what: "plugins' sockets are root's to make",
    paths: fixed("/run/docker/plugins"),
    forbidden: writers,
  },
  {
    id: "3.18",
    what: "plugins' addresses are root's to write",
    paths: fixed("/etc/docker/plugins", "/usr/lib/docker/plugins"),
    forbidden: writers,
  },
];

/** Paths that the checks want to know about, of what is the same on every machine. */
export function pathsOfInterest(facts: SecurityFacts): readonly string[] {
  return expectations.flatMap(({ paths }) => paths(facts));
}

export const fileChecks: readonly Check[] = expectations.map(({ id, what, paths, forbidden }) => ({
  id,
  title: `Files: ${what}`,
  applies: (facts) => paths(facts).some((path) => facts.files.has(path)),
  find: (facts) =>
    paths(facts).flatMap((path) => {
      const file = facts.files.get(path);
      return file === undefined ? [] : complaints(path, file, forbidden);
    }),
}));

function complaints(path: string, { uid, mode }: FileFacts, forbidden: number): readonly string[] {
  const excess = mode & forbidden;
  return [
    ...when(uid !== 0, `${path} belongs to user ${uid}`),
    ...when(excess !== 0, `${path} has mode ${mode.toString(8).padStart(4, "0")}`),
  ];
}
