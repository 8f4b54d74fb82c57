import type { WrittenFile } from "./cloud-config.ts";
import type { CommandLine } from "./unit-file.ts";
import {
  fullName,
  mediumFile,
  mediumLabel,
  type PublishedPort,
  type Recipe,
  type RuntimeName,
  type Workload,
} from "./workload.ts";

const containerName = "workload";
const preparePath = "/etc/gantry/prepare-workload";
const removePath = "/etc/gantry/remove-pod";
const podPath = "/etc/gantry/pod.json";
const containerPath = "/etc/gantry/container.json";

/** How each runtime gets an image and runs a container of it. */
export const recipes: Readonly<Record<RuntimeName, Recipe>> = {
  gantry: dockerLike("/usr/bin/gantry", "gantry.service"),
  docker: { ...dockerLike("/usr/bin/docker", "docker.service"), packages: ["docker.io"] },
  containerd: {
    service: "containerd.service",
    packages: ["containerd", "nftables"],
    files: (workload) => [
      prepareScript({
        tidy: [`/usr/bin/ctr task rm --force ${containerName}`, `/usr/bin/ctr container rm ${containerName}`],
        isThere: '/usr/bin/ctr images list --quiet | grep -qxF -- "$1"',
        load: `/usr/bin/ctr images import "$medium/${mediumFile}"`,
        pull: '/usr/bin/ctr images pull "$1"',
        isOnMedium: workload.isOnMedium,
      }),
      ...portFiles(workload.ports),
    ],
    unit: (workload) => ({
      isOneShot: false,
      before: [prepare(fullName(workload.image)), ...portCommands(workload.ports)],
      start: [
        "/usr/bin/ctr",
        "run",
        "--rm",
        "--net-host",
        "--seccomp",
        ...workload.env.flatMap((variable) => ["--env", variable]),
        fullName(workload.image),
        containerName,
        ...workload.command,
      ],
    }),
  },
  "cri-o": {
    service: "crio.service",
    files: (workload) => [
      prepareScript({
        tidy: [`/bin/sh ${removePath}`],
        isThere: '/usr/bin/crictl inspecti --quiet "$1"',
        load: `/usr/bin/skopeo copy --quiet "docker-archive:$medium/${mediumFile}" "containers-storage:$1"`,
        pull: '/usr/bin/crictl pull "$1"',
        isOnMedium: workload.isOnMedium,
      }),
      jsonFile(podPath, podOf(workload)),
      jsonFile(containerPath, containerOf(workload)),
      { path: removePath, permissions: "0755", content: removePod },
    ],
    unit: (workload) => ({
      isOneShot: true,
      before: [prepare(fullName(workload.image))],
      start: ["/usr/bin/crictl", "run", "--no-pull", containerPath, podPath],
      stop: ["/bin/sh", removePath],
    }),
  },
};

/** A command line as docker's. */
function dockerLike(program: string, service: string): Recipe {
  return {
    service,
    files: ({ isOnMedium }) => [
      prepareScript({
        tidy: [`${program} rm --force ${containerName}`],
        isThere: `${program} image inspect "$1"`,
        load: `${program} load --quiet --input "$medium/${mediumFile}"`,
        isOnMedium,
      }),
    ],
    unit: ({ image, env, ports, command }) => ({
      isOneShot: false,
      before: [prepare(image)],
      start: [
        program,
        "run",
        "--rm",
        "--name",
        containerName,
        ...ports.flatMap((port) => ["--publish", portText(port)]),
        ...env.flatMap((variable) => ["--env", variable]),
        image,
        ...command,
      ],
      stop: [program, "stop", containerName],
    }),
  };
}

/** What a script does with an image, `$1`, and a container; each a command line. */
interface Preparation {
  /** Removes what an earlier run has left. */
  readonly tidy: readonly string[];
  readonly isThere: string;
  /** Out of the folder `$medium`. */
  readonly load: string;
  /** For a runtime that does not pull by itself. */
  readonly pull?: string;
  readonly isOnMedium: boolean;
}

/**
 * Makes ready for the container. The first time there is nothing to remove and no image: nobody is asked, as each question starts a
 * program. The image's name is the script's argument: nothing that was typed is ever shell.
 */
function prepareScript({ tidy, isThere, load, pull, isOnMedium }: Preparation): WrittenFile {
  const get = isOnMedium
    ? [
        "medium=/run/gantry-image",
        'mkdir -p "$medium"',
        `mountpoint -q "$medium" || mount -o ro "LABEL=${mediumLabel}" "$medium"`,
        load,
        'umount "$medium"',
      ]
    : pull === undefined
      ? []
      : [pull];
  const lines = [
    "#!/bin/sh",
    "set -eu",
    "ran=/var/lib/gantry-workload-ran",
    'if [ -e "$ran" ]; then',
    ...tidy.map((command) => `  ${command} >/dev/null 2>&1 || true`),
    ...(get.length === 0 ? [] : [`  if ${isThere} >/dev/null 2>&1; then exit; fi`]),
    "fi",
    ...get,
    'touch "$ran"',
    "",
  ];
  return { path: preparePath, permissions: "0755", content: lines.join("\n") };
}

function prepare(reference: string): CommandLine {
  return ["/bin/sh", preparePath, reference];
}

function portText({ address, port, containerPort, protocol }: PublishedPort): string {
  const host = address.includes(":") ? `[${address}]` : address;
  return `${host === "" ? "" : `${host}:`}${port}:${containerPort}/${protocol}`;
}

const portsPath = "/etc/gantry/ports.nft";

/** Containers that share the machine's network have their own ports; others lead there. */
function redirected(ports: readonly PublishedPort[]): readonly PublishedPort[] {
  return ports.filter(({ port, containerPort }) => port !== containerPort);
}

function portFiles(ports: readonly PublishedPort[]): readonly WrittenFile[] {
  const rules = redirected(ports).map(
    ({ port, containerPort, protocol }) => `    ${protocol} dport ${port} redirect to :${containerPort}`,
  );
  if (rules.length === 0) return [];
  const content = [
    "table ip gantry-workload",
    "delete table ip gantry-workload",
    "table ip gantry-workload {",
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...rules,
    "  }",
    "}",
    "",
  ];
  return [{ path: portsPath, permissions: "0644", content: content.join("\n") }];
}

function portCommands(ports: readonly PublishedPort[]): readonly CommandLine[] {
  return redirected(ports).length === 0 ? [] : [["/usr/sbin/nft", "--file", portsPath]];
}

/** @see Kubernetes CRI v1, PodSandboxConfig; protocols are TCP 0, UDP 1, SCTP 2 */
function podOf({ ports }: Workload) {
  return {
    metadata: { name: containerName, namespace: "default", uid: "gantry-workload", attempt: 0 },
    log_directory: "/var/log/gantry-workload",
    port_mappings: ports.map(({ address, port, containerPort, protocol }) => ({
      protocol: { tcp: 0, udp: 1, sctp: 2 }[protocol],
      container_port: containerPort,
      host_port: port,
      host_ip: address,
    })),
    linux: {},
  };
}

/** @see Kubernetes CRI v1, ContainerConfig */
function containerOf({ image, env, command }: Workload) {
  return {
    metadata: { name: containerName, attempt: 0 },
    image: { image: fullName(image) },
    ...(command.length > 0 && { args: command }),
    envs: env.map((variable) => {
      const [key = "", ...value] = variable.split("=");
      return { key, value: value.join("=") };
    }),
    log_path: "workload.log",
    linux: {},
  };
}

const removePod = `#!/bin/sh
# Removes the pod, also one that an earlier boot has left.
set -eu
for pod in $(/usr/bin/crictl pods --quiet --name "^${containerName}$"); do
  /usr/bin/crictl rmp --force "$pod"
done
`;

/** JSON in printable ASCII. */
function jsonFile(path: string, value: unknown): WrittenFile {
  const text = JSON.stringify(value, undefined, 2).replaceAll(
    /[^\n\x20-\x7e]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return { path, permissions: "0644", content: `${text}\n` };
}
