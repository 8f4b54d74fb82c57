import type { KubeObject } from "#api/kube/meta.ts";
import { AdmissionChain } from "#orchestrator/apiserver/registry/admission-chain.ts";
import type { User } from "#orchestrator/authn/user.ts";
import { resources } from "#orchestrator/kinds/resources.ts";
import { MemoryObjects } from "#orchestrator/machinery/memory-objects.ts";
import type { Draft } from "#orchestrator/machinery/resource.ts";
import { defaultPlugins, type OptionalPlugin } from "#orchestrator/admission/default-plugins.ts";
import type { Admission } from "#orchestrator/admission/plugin.ts";

const { signal } = new AbortController();

export interface Write {
  readonly operation?: Admission["operation"];
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly object?: object;
  readonly old?: object;
  readonly user?: User;
  readonly isDryRun?: boolean;
}

export const jane: User = { name: "jane", groups: ["system:authenticated"] };

/** All default plugins over objects in memory. */
export class TestAdmission {
  readonly objects = new MemoryObjects();
  readonly warnings: string[] = [];
  readonly annotations = new Map<string, string>();
  readonly chain: AdmissionChain;

  constructor(
    also: readonly OptionalPlugin[] = [],
    mayDo: (verb: string, name: string) => boolean = () => false,
  ) {
    this.chain = new AdmissionChain(
      defaultPlugins(
        {
          objects: this.objects,
          fresh: async () => {},
          authorizer: {
            authorize: (asked) => ({
              is: mayDo(asked.verb, asked.type === "resource" ? (asked.name ?? "") : "")
                ? "allowed"
                : "no-opinion",
              reason: "",
            }),
          },
          now: () => new Date("2026-01-01T00:00:00Z"),
          newSuffix: () => "abcde",
        },
        also,
      ),
    );
    this.put("namespaces", "Namespace", "team");
    this.put("serviceaccounts", "ServiceAccount", "default", { namespace: "team" });
  }

  put(
    resource: string,
    kind: string,
    name: string,
    more: {
      readonly namespace?: string;
      readonly labels?: Record<string, string>;
      readonly annotations?: Record<string, string>;
      readonly uid?: string;
    } = {},
    rest: object = {},
  ): void {
    this.objects.put(resource, {
      apiVersion: "v1",
      kind,
      metadata: { name, ...more },
      ...rest,
    } as KubeObject);
  }

  /** @param name with its group @returns what was admitted, and what tells whether it was stored */
  async write(
    name: string,
    write: Write,
    // oxlint-disable-next-line typescript/no-explicit-any -- tests look into objects of any kind
  ): Promise<{ readonly object: any; settle(isStored: boolean): void }> {
    const [resource = "", ...group] = name.split(".");
    const definition = resources.find((one) => one.resource === resource && one.group === group.join("."));
    if (definition === undefined) throw new Error(`no resource ${name}`);
    const object = write.object === undefined ? undefined : (structuredClone(write.object) as Draft);
    const metadata = object?.["metadata"] as KubeObject["metadata"] | undefined;
    const request: Admission = {
      operation: write.operation ?? "CREATE",
      resource: definition,
      subresource: write.subresource ?? "",
      ...(definition.isNamespaced && { namespace: write.namespace ?? "team" }),
      name: write.name ?? metadata?.name ?? "",
      ...(object !== undefined && { object }),
      ...(write.old !== undefined && { old: write.old as Draft }),
      user: write.user ?? jane,
      isDryRun: write.isDryRun ?? false,
      warn: (text) => void this.warnings.push(text),
      annotate: (key, value) => void this.annotations.set(key, value),
    };
    await this.chain.admit(request, signal);
    const settle = await this.chain.validate(request, signal);
    return { object, settle };
  }
}

export function pod(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "team", uid: `uid-${name}`, ...metadata },
    spec: { containers: [{ name: "c", image: "i" }], ...spec },
  };
}
