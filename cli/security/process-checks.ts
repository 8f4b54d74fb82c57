import { type Check, type ContainerFacts, type ProcessFacts, when } from "./check.ts";

const usualCapabilities = 0xa80425fbn;

/** A question about the first process of each container that runs, as the kernel shows it. */
function each(
  id: string,
  title: string,
  no: (process: ProcessFacts, container: ContainerFacts, host: ProcessFacts) => boolean,
): Check {
  return {
    id,
    title,
    find: ({ containers, processes, host }) =>
      containers.flatMap((container) => {
        const process = processes.get(container.State.Pid);
        return process !== undefined && no(process, container, host)
          ? [container.Name.replace(/^\//, "")]
          : [];
      }),
  };
}

const sharesNamespace =
  (kind: string) => (process: ProcessFacts, _container: ContainerFacts, host: ProcessFacts) =>
    process.namespaces[kind] === host.namespaces[kind];

/** Whether the kernel has what was asked for. */
export const processChecks: readonly Check[] = [
  each("5.40", "Every container's processes have a filter for system calls", ({ seccomp }) => seccomp !== 2),
  each(
    "5.41",
    "No process has more capabilities than Docker's 14",
    ({ bounding }) => (bounding & ~usualCapabilities) !== 0n,
  ),
  each(
    "5.42",
    "No capability is inherited or ambient",
    ({ inheritable, ambient }) => (inheritable | ambient) !== 0n,
  ),
  each("5.29", "Every container has a limit for processes", ({ pidsMax }) => pidsMax === "max"),
  each("5.43", "Every container has mounts of its own", sharesNamespace("mnt")),
  each("5.44", "Every container has processes of its own", sharesNamespace("pid")),
  each("5.45", "Every container has a network of its own", sharesNamespace("net")),
  each("5.46", "Every container has IPC of its own", sharesNamespace("ipc")),
  each("5.47", "Every container has a name of its own", sharesNamespace("uts")),
  {
    id: "5.48",
    title: "The engine keeps no abstract sockets, which containers in the host's network would see",
    find: ({ engine }) => engine.abstractSockets,
  },
  {
    id: "5.49",
    title: "No container's root file system is in the host's mount table",
    find: ({ engine }) => when(engine.visibleMounts > 0, `${engine.visibleMounts} are`),
  },
];
