import { join } from "node:path";

/** Where the agent keeps things, laid out as a kubelet's. */
export interface NodeFolders {
  readonly root: string;
  readonly pods: string;
  /** Logs of containers, by pod. */
  readonly logs: string;
  readonly seccomp: string;
  pod(uid: string): string;
  volume(uid: string, plugin: string, name: string): string;
  subPath(uid: string, volume: string, container: string, index: number): string;
  hostsFile(uid: string): string;
  container(uid: string, name: string): string;
  podLogs(uid: string, namespace: string, name: string): string;
}

/** @param root `<root>/cluster/node` */
export function nodeFolders(root: string): NodeFolders {
  const pods = join(root, "pods");
  const pod = (uid: string) => join(pods, uid);
  const logs = join(root, "logs");
  return {
    root,
    pods,
    logs,
    seccomp: join(root, "seccomp"),
    pod,
    volume: (uid, plugin, name) => join(pod(uid), "volumes", `kubernetes.io~${plugin}`, name),
    subPath: (uid, volume, container, index) =>
      join(pod(uid), "volume-subpaths", volume, container, String(index)),
    hostsFile: (uid) => join(pod(uid), "etc-hosts"),
    container: (uid, name) => join(pod(uid), "containers", name),
    podLogs: (uid, namespace, name) => join(logs, `${namespace}_${name}_${uid}`),
  };
}
