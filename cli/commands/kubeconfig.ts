import { Fault } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { text } from "../flags.ts";
import { readAdminKubeconfig } from "../instance/admin-kubeconfig.ts";

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags]",
  about: [
    "Prints the administrator's kubeconfig, for kubectl, helm and everything else that speaks to the cluster.",
    "It holds a key: whoever has it may do anything in the cluster.",
  ].join("\n"),
  flags: { server: text("URL", "Address to name in it, e.g. https://192.0.2.7:6443") },
  operands: [0, 0],
  examples: [
    ["gantry kubeconfig >~/.kube/config", "use the cluster from now on"],
    ["kubectl --kubeconfig <(gantry kubeconfig) get nodes", "use it once"],
  ],
  async run({ out, instance }, { server }) {
    const kubeconfig = readAdminKubeconfig(instance.root);
    out.write(
      server === undefined ? kubeconfig : kubeconfig.replace(/^( +server: ).*$/m, `$1${checked(server)}`),
    );
    return 0;
  },
});

function checked(url: string): string {
  if (!URL.canParse(url) || !/^https:\/\/[^\s/]+\/?$/.test(url))
    throw new Fault("invalid", `not an https URL: ${url}`);
  return url;
}
