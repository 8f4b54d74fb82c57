import type { PolicyRule } from "#api/kube/types/rbac.ts";
import { qualified } from "#orchestrator/machinery/qualified.ts";
import type { Attributes, Authorizer, Decision } from "./authorizer.ts";
import type { NodeGraph } from "./node-graph.ts";
import { nodeNameOf } from "./node-name.ts";
import { ruleAllows } from "./policy-rule.ts";

type Resource = Extract<Attributes, { type: "resource" }>;

const allowed: Decision = { is: "allowed", reason: "" };
const no = (reason = ""): Decision => ({ is: "no-opinion", reason });

/** What node agents may do: what their pods need, and what all of them need. @see Kubernetes, Using Node Authorization */
export class NodeAuthorizer implements Authorizer {
  readonly #graph: NodeGraph;
  readonly #rules: readonly PolicyRule[];

  /** @param rules of what is the same for all nodes */
  constructor(graph: NodeGraph, rules: readonly PolicyRule[]) {
    this.#graph = graph;
    this.#rules = rules;
  }

  authorize(attributes: Attributes): Decision {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return no();
    if (node === "") return no(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    const decision = attributes.type === "resource" ? this.#decide(node, attributes) : undefined;
    if (decision !== undefined) return decision;
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? allowed : no();
  }

  /** Undefined when nothing special holds for the resource. */
  #decide(node: string, asked: Resource): Decision | undefined {
    switch (qualified(asked)) {
      case "secrets":
      case "configmaps":
        return this.#read(node, asked);
      case "persistentvolumeclaims":
        return asked.subresource === "status" ? this.#writeStatus(node, asked) : this.#get(node, asked);
      case "persistentvolumes":
      case "resourceclaims.resource.k8s.io":
      case "volumeattachments.storage.k8s.io":
        return this.#get(node, asked);
      case "serviceaccounts":
        return this.#createToken(node, asked);
      case "leases.coordination.k8s.io":
        return lease(node, asked);
      case "csinodes.storage.k8s.io":
        return csiNode(node, asked);
      case "resourceslices.resource.k8s.io":
        return this.#slice(node, asked);
      case "nodes":
        return ownNode(node, asked);
      case "pods":
        return this.#pod(node, asked);
      default:
        return undefined;
    }
  }

  #related(node: string, { resource, namespace = "", name = "" }: Resource): Decision {
    if (name === "") return no("No Object name found");
    if (this.#graph.isRelated(node, resource, namespace, name)) return allowed;
    return no(`no relationship found between node '${node}' and this object`);
  }

  #get(node: string, asked: Resource): Decision {
    if (asked.verb !== "get") return no("can only get individual resources of this type");
    if (hasSubresource(asked)) return no("cannot get subresource");
    return this.#related(node, asked);
  }

  #read(node: string, asked: Resource): Decision {
    if (!["get", "list", "watch"].includes(asked.verb)) return no("can only read resources of this type");
    if (hasSubresource(asked)) return no("cannot read subresource");
    if ((asked.namespace ?? "") === "") return no("can only read namespaced object of this type");
    return this.#related(node, asked);
  }

  #writeStatus(node: string, asked: Resource): Decision {
    if (asked.verb !== "update" && asked.verb !== "patch") return no("can only get/update/patch this type");
    return this.#related(node, asked);
  }

  #createToken(node: string, asked: Resource): Decision {
    if (asked.verb !== "create" || (asked.name ?? "") === "")
      return no("can only create tokens for individual service accounts");
    if (asked.subresource !== "token") return no("can only create token subresource of serviceaccount");
    return this.#related(node, asked);
  }

  #slice(node: string, asked: Resource): Decision {
    if (hasSubresource(asked)) return no("cannot authorize ResourceSlice subresources");
    switch (asked.verb) {
      case "create":
        return allowed; // NodeRestriction looks at what it is.
      case "get":
      case "update":
      case "patch":
      case "delete":
        return this.#related(node, asked);
      case "watch":
      case "list":
      case "deletecollection":
        return selects(asked, "spec.nodeName", node) || selects(asked, "nodeName", node)
          ? allowed
          : no("can only list/watch/deletecollection resourceslices with nodeName field selector");
      default:
        return no(
          "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
        );
    }
  }

  /** NodeRestriction sees to it that what is written is the node's own. */
  #pod(node: string, asked: Resource): Decision {
    const { verb, subresource = "" } = asked;
    switch (subresource === "" ? verb : `${verb}/${subresource}`) {
      case "get":
        return this.#get(node, asked);
      case "list":
      case "watch":
        if (selects(asked, "spec.nodeName", node)) return allowed;
        if ((asked.name ?? "") !== "") return this.#related(node, asked);
        return no("can only list/watch pods with spec.nodeName field selector");
      case "create":
      case "delete":
      case "update/status":
      case "patch/status":
      case "create/eviction":
        return allowed;
      default:
        return no();
    }
  }
}

function lease(node: string, { verb, namespace, name }: Resource): Decision {
  if (!["get", "create", "update", "patch", "delete"].includes(verb))
    return no("can only get, create, update, patch, or delete a node lease");
  if (namespace !== "kube-node-lease")
    return no('can only access leases in the "kube-node-lease" system namespace');
  if (verb !== "create" && name !== node)
    return no("can only access node lease with the same name as the requesting node");
  return allowed;
}

function csiNode(node: string, asked: Resource): Decision {
  const { verb, name } = asked;
  if (!["get", "create", "update", "patch", "delete"].includes(verb))
    return no("can only get, create, update, patch, or delete a CSINode");
  if (hasSubresource(asked)) return no("cannot authorize CSINode subresources");
  if (verb !== "create" && name !== node)
    return no("can only access CSINode with the same name as the requesting node");
  return allowed;
}

function ownNode(node: string, { verb, subresource = "", name = "" }: Resource): Decision {
  switch (subresource === "" ? verb : `${verb}/${subresource}`) {
    case "create":
    case "update":
    case "patch":
    case "update/status":
    case "patch/status":
      return allowed;
    case "get":
    case "list":
    case "watch":
      if (name === node) return allowed;
      return no(
        name === ""
          ? `node '${node}' cannot read all nodes, only its own Node object`
          : `node '${node}' cannot read '${name}', only its own Node object`,
      );
    default:
      return no();
  }
}

function hasSubresource({ subresource = "" }: Resource): boolean {
  return subresource !== "";
}

/** Whether a selector of the request, as it came, lets through only that value. */
function selects({ fieldSelector = "" }: Resource, field: string, value: string): boolean {
  return fieldSelector
    .split(",")
    .some((term) => term === `${field}=${value}` || term === `${field}==${value}`);
}
