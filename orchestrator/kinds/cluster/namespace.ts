import type { Namespace } from "#api/kube/types/core.ts";
import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { edit } from "../edit.ts";
import { textAt } from "../parts.ts";
import { namespaceErrors } from "./check-cluster.ts";
import { defaultNamespace } from "./defaults.ts";

const kubernetes = "kubernetes";

/** A namespace is emptied before it goes: the finalizer of its specification waits for that, and only `finalize` takes it away. */
export const namespaceStrategy: Strategy = {
  default: defaultNamespace,
  prepareForCreate(object) {
    const namespace = edit<Namespace>(object);
    namespace.status = { phase: "Active" };
    const finalizers = namespace.spec?.finalizers ?? [];
    namespace.spec = {
      finalizers: finalizers.includes(kubernetes) ? finalizers : [...finalizers, kubernetes],
    };
    defaultNamespace(object);
  },
  prepareForUpdate(next, old) {
    next["spec"] = old["spec"];
    next["status"] = old["status"];
  },
  validate: namespaceErrors,
  nameRule: "dns-label",
  selectableFields: { "status.phase": (object) => textAt(object, "status", "phase") },
};
