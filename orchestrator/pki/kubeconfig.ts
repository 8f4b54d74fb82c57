import { findText, writeKeyFile } from "./key-files.ts";
import type { Identity, Pki } from "./pki.ts";

const cluster = "gantry";
const user = "gantry-admin";

/** Keeps `<root>/kubeconfig` the administrator's, mode 600. @param server `https://127.0.0.1:6443` */
export function ensureAdminKubeconfig({ authority, identities }: Pki, server: string, root: string): void {
  const text = kubeconfig(server, authority, identities.admin);
  if (findText(root, "kubeconfig") !== text) writeKeyFile(root, "kubeconfig", text, false);
}

/** A kubeconfig with everything in it. @see Kubernetes API, client.authentication config v1 */
function kubeconfig(server: string, authority: string, identity: Identity): string {
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
