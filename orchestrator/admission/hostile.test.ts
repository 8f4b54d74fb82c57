import assert from "node:assert/strict";
import { test } from "node:test";
import { isStatus } from "#api/kube/status.ts";
import type { KubeObject } from "#api/kube/meta.ts";
import { schemaOf } from "#orchestrator/kinds/schemas.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { TestAdmission, type Write } from "../../test/support/admission.ts";
import { ObjectGenerator, readGenerated } from "../../test/support/generated-objects.ts";

const rounds = 60;
const agent = { name: "system:node:a", groups: ["system:nodes"] };

test("plugins: no object that a client can send, and none that is stored, makes any of them fail", async () => {
  const broken = new Set<string>();
  for (let seed = 1; seed <= rounds; seed++) {
    const admission = new TestAdmission(
      ["ExtendedResourceToleration", "OwnerReferencesPermissionEnforcement"],
      () => seed % 2 === 0,
    );
    admission.put("namespaces", "Namespace", "team", {
      labels: {
        "pod-security.kubernetes.io/enforce": seed % 3 === 0 ? "restricted" : "privileged",
        "pod-security.kubernetes.io/warn": "restricted",
      },
    });
    for (const [at, definition] of resources.entries()) {
      const generator = new ObjectGenerator(seed * 1000 + at);
      const [object, old] = [0, 1].map(() =>
        readGenerated(definition, generator.object(schemaOf(definition.type), 0)),
      );
      if (object === undefined) continue;
      const name =
        definition.group === "" ? definition.resource : `${definition.resource}.${definition.group}`;
      const writes = [
        { operation: "CREATE", object },
        { operation: "CREATE", object, user: agent },
        { operation: "DELETE", name: "x", old: old ?? object, user: agent },
        ...(old === undefined
          ? []
          : ["", ...definition.subresources.map((one) => one.name)].map((subresource) => ({
              operation: "UPDATE",
              subresource,
              object,
              old,
              name: "x",
            }))),
        ...(old === undefined
          ? []
          : [{ operation: "UPDATE", object, old, name: "a", subresource: "status", user: agent }]),
      ] as readonly Write[];
      for (const write of writes)
        try {
          (await admission.write(name, write)).settle(true);
        } catch (error) {
          if (!isStatus(error))
            broken.add(
              `${name} ${write.operation} ${error instanceof Error ? (error.stack ?? "").split("\n").slice(0, 3).join(" ") : String(error)}`,
            );
        }
      const metadata = { ...(object["metadata"] as object | undefined), name: `n${seed}`, namespace: "team" };
      admission.objects.put(name, { ...object, metadata } as unknown as KubeObject);
    }
  }
  assert.deepEqual([...broken].slice(0, 5), []);
});
