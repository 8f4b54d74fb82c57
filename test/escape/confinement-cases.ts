import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { defaultProfile } from "#engine/runtime/apparmor.ts";
import { maskedPaths, readonlyPaths } from "#engine/runtime/default-paths.ts";
import { type EscapeCase, inContainer, type Subject, secret } from "./escape-case.ts";

const probe = (words: string) => (subject: Subject) => inContainer(subject, `/probe ${words}`);
const open = { options: ["--security-opt", "systempaths=unconfined"] };
const privileged = { options: ["--privileged"] };
const unfiltered = { options: ["--security-opt", "seccomp=unconfined"] };

/** What a process in a container can reach; options of `docker run` take each protection away. */
export const confinementCases: readonly EscapeCase[] = [
  {
    id: "E3",
    title: "masked paths have nothing in them",
    attempt: (subject) =>
      inContainer(
        subject,
        `for path in ${maskedPaths.join(" ")}; do
          if [ -d $path ]; then ls -A $path; elif [ -e $path ]; then head -c 100 $path; fi; done 2>/dev/null`,
      ),
    weakness: open,
  },
  {
    id: "E5",
    title: "what /proc says of the whole host cannot be written",
    attempt: (subject) =>
      inContainer(
        subject,
        `for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger; do
          if (: >> $file) 2>/dev/null; then echo $file; fi; done; find ${readonlyPaths.join(" ")} -maxdepth 0 -type f -perm -200 -exec sh -c '(: >> $0) 2>/dev/null && echo $0' {} \\;`,
      ),
    weakness: open,
  },
  {
    id: "E16",
    title: "no release_agent can be opened for writing, by a mount of cgroups of its own neither",
    attempt: (subject) =>
      inContainer(
        subject,
        `mkdir -p /tmp/cg; mount -t cgroup -o memory cgroup /tmp/cg 2>/dev/null
        for file in $(find /sys/fs/cgroup /tmp/cg -name release_agent 2>/dev/null); do
          (: >> $file) 2>/dev/null && echo $file; done; umount /tmp/cg 2>/dev/null; true`,
      ),
    weakness: privileged,
  },
  {
    id: "E17",
    title: "a device that was not given can be made a node for, but not be opened",
    attempt: (subject) =>
      inContainer(
        subject,
        "mknod /tmp/fuse c 10 229; (: <> /tmp/fuse) 2>/dev/null && echo the device was opened",
      ),
    weakness: { options: ["--device-cgroup-rule", "c 10:229 rwm"] },
  },
  {
    id: "E18",
    title: "files are not opened by handle",
    attempt: probe("handles"),
    weakness: { options: ["--cap-add", "DAC_READ_SEARCH"] },
  },
  { id: "E20", title: "the kernel's keyrings are closed", attempt: probe("keys"), weakness: unfiltered },
  { id: "E21", title: "no sockets of AF_ALG and AF_VSOCK", attempt: probe("sockets"), weakness: unfiltered },
  {
    id: "E21",
    title: "no raw packets without NET_RAW",
    attempt: ({ options, ...rest }) =>
      inContainer({ ...rest, options: ["--cap-drop", "NET_RAW", ...options] }, "/probe packet"),
    weakness: { options: ["--cap-add", "NET_RAW"] },
  },
  {
    id: "E22",
    title: "no io_uring, userfaultfd, clone3, new namespaces",
    attempt: probe("calls"),
    weakness: privileged,
  },
  {
    id: "E25",
    title: "processes are in the profile of AppArmor (CVE-2023-28642)",
    attempt: async (subject) => {
      const profile = "cat /proc/self/attr/apparmor/current /proc/self/attr/current 2>/dev/null";
      const found = await inContainer(subject, profile);
      return found.filter((line) => !line.startsWith(defaultProfile));
    },
    weakness: { options: ["--security-opt", "apparmor=unconfined"] },
    ...(existsSync("/sys/module/apparmor") ? {} : { skip: "this kernel has no AppArmor" }),
  },
  {
    id: "E38",
    title: "services on the host's loopback cannot be reached",
    attempt: (subject) => askLoopback(subject, "true"),
    weakness: { options: ["--network", "host"] },
  },
  {
    id: "E38",
    title: "nor by a route to 127.0.0.0/8 that the container makes (CVE-2020-8558)",
    attempt: (subject) => {
      const gateway = subject.engine.bridgeCidr.replace(/\/.*/, "");
      const route = `ip addr flush dev lo; ip link set lo down; ip route add 127.0.0.0/8 via ${gateway}`;
      const isHost = subject.options.includes("host"); // whose routes are not to be touched
      const options = ["--cap-add", "NET_ADMIN", ...subject.options];
      return askLoopback({ ...subject, options }, isHost ? "true" : route);
    },
    weakness: { options: ["--network", "host"] },
  },
];

async function askLoopback(subject: Subject, prepare: string): Promise<readonly string[]> {
  const server = createServer((socket) => socket.end(`${secret}\n`));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const found = await inContainer(subject, `${prepare}; nc -w 1 127.0.0.1 ${port} </dev/null`);
  server.close();
  return found;
}
