import { apiVersionOf } from "#client/kube/kube-resource.ts";
import { bool, list, text } from "../../flags.ts";
import { groupResourceOf, preferred, type ServedResource } from "../discovery.ts";
import { KubeFailure } from "../failure.ts";
import { ColumnWriter } from "../print/column-writer.ts";
import { defineKubeCommand } from "../session.ts";

export const apiResources = defineKubeCommand({
  usage: "[flags]",
  about: "Lists the types that the cluster has, with their short names.",
  flags: {
    "api-group": text("GROUP", "Only of this group"),
    namespaced: bool("Only those in namespaces; with =false those of the cluster"),
    "no-headers": bool("Leave the heads of columns out"),
    output: text("name|wide", "Only names, or verbs and categories, too", "o"),
    verbs: list("strings", "Only those that take these verbs"),
    categories: list("strings", "Only those in these categories"),
  },
  operands: [0, 0],
  examples: [["gantry api-resources", "which types there are"]],
  async run({ kube, out }, values, _operands, given) {
    const { output = "", verbs, categories } = values;
    if (!["", "name", "wide"].includes(output))
      throw new KubeFailure(`error: --output ${output} is not available`);
    const wanted = (await kube.discovery()).all
      .filter(({ group }) => values["api-group"] === undefined || group === values["api-group"])
      .filter(({ isNamespaced }) => !given.has("namespaced") || isNamespaced === values.namespaced)
      .filter((one) => verbs.every((verb) => one.verbs.includes(verb)))
      .filter((one) => categories.every((category) => one.categories.includes(category)));
    const sorted = preferred(wanted).toSorted(
      (a, b) => compare(a.group, b.group) || compare(a.resource, b.resource),
    );
    if (output === "name") for (const one of sorted) out.write(`${groupResourceOf(one)}\n`);
    else {
      const writer = new ColumnWriter((lines) => out.write(lines));
      const heads = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];
      if (!values["no-headers"]) writer.add(output === "wide" ? [...heads, "VERBS", "CATEGORIES"] : heads);
      for (const one of sorted) writer.add(cellsOf(one, output === "wide"));
      writer.flush();
    }
    return 0;
  },
});

function cellsOf(one: ServedResource, isWide: boolean): readonly string[] {
  const cells = [
    one.resource,
    one.shortNames.join(","),
    apiVersionOf(one),
    String(one.isNamespaced),
    one.kind,
  ];
  return isWide ? [...cells, one.verbs.join(","), one.categories.join(",")] : cells;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
