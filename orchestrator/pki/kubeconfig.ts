import { findText, writeKeyFile } from "./key-files.ts";
import type { Identity, Pki } from "./pki.ts";

/** What a client needs to reach a cluster, in JSON, which is YAML too. */
export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  readonly authority: string;
  readonly identity: Identity;
  readonly cluster?: string;
  readonly user?: string;
}

/** A kubeconfig with everything in it. @see Kubernetes API, client.authentication config v1 */
export function kubeconfig(options: KubeconfigOptions): string {
  const { server, authority, identity, cluster = "gantry", user = "gantry-admin" } = options;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return `apiVersion: v1
kind: Config
clusters:
- name: ${cluster}
  cluster:
    certificate-authority-data: ${base64(authority)}
    server: ${server}
users:
- name: ${user}
  user:
    client-certificate-data: ${base64(identity.certificate)}
    client-key-data: ${base64(identity.key)}
contexts:
- name: ${cluster}
  context:
    cluster: ${cluster}
    user: ${user}
current-context: ${cluster}
preferences: {}
`;
}

/** Keeps `<root>/kubeconfig` the administrator's, mode 600. */
export function ensureAdminKubeconfig({ authority, identities }: Pki, server: string, root: string): void {
  const text = kubeconfig({ server, authority, identity: identities.admin });
  if (findText(root, "kubeconfig") !== text) writeKeyFile(root, "kubeconfig", text, false);
}
