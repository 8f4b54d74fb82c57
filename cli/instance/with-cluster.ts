import { kubeClient, type KubeClient } from "#client/kube/kube-client.ts";
import { httpsTransport } from "#rpc/https-transport.ts";
import { readAdminKubeconfig } from "./admin-kubeconfig.ts";

/**
 * Works as the administrator of the cluster that has its state in `root`.
 *
 * @throws {Fault} as {@link readAdminKubeconfig} does
 */
export async function withCluster<T>(root: string, work: (kube: KubeClient) => Promise<T>): Promise<T> {
  const config = readAdminKubeconfig(root);
  const field = (name: string) => new RegExp(`${name}: (\\S+)`).exec(config)?.[1] ?? "";
  const pem = (name: string) => Buffer.from(field(name), "base64").toString();
  const { hostname, port } = new URL(field("server"));
  await using transport = httpsTransport({
    host: hostname,
    port: Number(port || 443),
    ca: pem("certificate-authority-data"),
    credentials: () => ({ cert: pem("client-certificate-data"), key: pem("client-key-data") }),
  });
  return await work(kubeClient(transport, { userAgent: "gantry" }));
}
