import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "#base/fault.ts";
import { kubeClient, type KubeClient } from "#client/kube/kube-client.ts";
import { httpsTransport } from "#rpc/https-transport.ts";

/**
 * Works as the administrator of the cluster that has its state in `root`.
 *
 * @throws {Fault} `not-found` when there has never been one
 */
export async function withCluster<T>(root: string, work: (kube: KubeClient) => Promise<T>): Promise<T> {
  const config = readKubeconfig(join(root, "kubeconfig"));
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

function readKubeconfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Fault("not-found", `${path} cannot be read: the cluster's server has never run here`, {
      cause: error,
    });
  }
}
