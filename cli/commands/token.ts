import { randomInt } from "node:crypto";
import type { Secret } from "#api/kube/types/core.ts";
import { Fault } from "#base/fault.ts";
import { secrets } from "#client/kube/resources.ts";
import { defineCommand } from "../context.ts";
import { text } from "../flags.ts";
import { withCluster } from "../instance/with-cluster.ts";
import { formatTable } from "../output/table.ts";

const namespace = "kube-system";
const group = "system:bootstrappers:gantry:default-node-token";
const usualHours = 24;

export const create = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags]",
  about: "Makes a token with which a new node joins the cluster of this machine, and prints it.",
  flags: { ttl: text("HOURS", `How long it can be used (default ${usualHours}); 0 is without end`) },
  operands: [0, 0],
  examples: [["gantry token create --ttl 1", "for the next hour"]],
  async run(context, { ttl }) {
    const hours = ttl === undefined ? usualHours : Number(ttl);
    if (!(hours >= 0 && hours <= 24 * 365))
      throw new Fault("invalid", `--ttl takes hours, up to a year, not ${ttl}`);
    const [id, secret] = [letters(6), letters(16)];
    await withCluster(context.instance.root, async (kube) => {
      await kube.of(secrets).create(tokenSecret(id, secret, hours), context.signal);
    });
    context.out.write(`${id}.${secret}\n`);
    return 0;
  },
});

export const ls = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "",
  about: "Lists the tokens with which nodes can join, without their secret part.",
  flags: {},
  operands: [0, 0],
  examples: [["gantry token ls", "which there are, and until when"]],
  async run(context) {
    const rows: (readonly string[])[] = [];
    await withCluster(context.instance.root, async (kube) => {
      const fieldSelector = "type=bootstrap.kubernetes.io/token";
      for await (const { data } of kube.of(secrets).listAll({ namespace, fieldSelector }, context.signal)) {
        const field = (name: string) => Buffer.from(data?.[name] ?? "", "base64").toString();
        rows.push([field("token-id"), field("expiration") || "never"]);
      }
    });
    context.out.write(formatTable(["ID", "EXPIRES"], rows));
    return 0;
  },
});

function tokenSecret(id: string, secret: string, hours: number): Secret {
  const ends = new Date(Date.now() + hours * 3_600_000).toISOString().replace(/\.\d+Z$/, "Z");
  const fields = {
    "token-id": id,
    "token-secret": secret,
    ...(hours > 0 && { expiration: ends }),
    "usage-bootstrap-authentication": "true",
    "usage-bootstrap-signing": "true",
    "auth-extra-groups": group,
  };
  const data = Object.entries(fields).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace, name: `bootstrap-token-${id}` },
    type: "bootstrap.kubernetes.io/token",
    data: Object.fromEntries(data) as Readonly<Record<string, string>>,
  };
}

function letters(count: number): string {
  const all = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length: count }, () => all[randomInt(all.length)]).join("");
}
