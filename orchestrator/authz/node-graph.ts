import type { KubeObject } from "#api/kube/meta.ts";
import type { Pod } from "#api/kube/types/core-pods.ts";
import type { PersistentVolume } from "#api/kube/types/core.ts";
import type { ObjectReader } from "#orchestrator/machinery/object-reader.ts";
import { isMirror, podReferences } from "./pod-references.ts";

interface VolumeAttachment extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
}

interface ResourceSlice extends KubeObject {
  readonly spec?: { readonly nodeName?: string };
}

/** What the pods of a node need, so that its agent may read that and nothing else. */
export class NodeGraph implements Disposable {
  readonly #objects: ObjectReader;
  /** Node → key of a pod → the pod. */
  readonly #pods = new Map<string, Map<string, Pod>>();
  readonly #watch: Disposable;

  constructor(objects: ObjectReader) {
    this.#objects = objects;
    this.#watch = objects.onChange<Pod>("pods", (after, before) => {
      if (before !== undefined) this.#remove(before);
      if (after !== undefined) this.#add(after);
    });
    for (const pod of objects.list<Pod>("pods")) this.#add(pod);
  }

  /** Whether a pod of the node names it; for a volume also whether its claim is named, or a secret by such a volume. */
  isRelated(node: string, resource: string, namespace: string, name: string): boolean {
    switch (resource) {
      case "pods":
        return this.#pods.get(node)?.has(`${namespace}/${name}`) ?? false;
      case "persistentvolumes":
        return this.#isVolumeOf(node, this.#objects.find("persistentvolumes", undefined, name));
      case "volumeattachments":
        return this.#namesNode("volumeattachments.storage.k8s.io", name, node);
      case "resourceslices":
        return this.#namesNode("resourceslices.resource.k8s.io", name, node);
      case "secrets":
        return (
          this.#isNamed(node, resource, namespace, name) || this.#isSecretOfVolume(node, namespace, name)
        );
      default:
        return this.#isNamed(node, resource, namespace, name);
    }
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }

  /** By a pod that the node may be given things for: a mirror pod gets it none. */
  #isNamed(node: string, resource: string, namespace: string, name: string): boolean {
    for (const pod of this.#pods.get(node)?.values() ?? [])
      if (pod.metadata.namespace === namespace && !isMirror(pod))
        if (podReferences(pod, resource).includes(name)) return true;
    return false;
  }

  #isVolumeOf(node: string, volume: PersistentVolume | undefined): boolean {
    const { namespace = "", name = "" } = volume?.spec?.claimRef ?? {};
    return name !== "" && this.#isNamed(node, "persistentvolumeclaims", namespace, name);
  }

  #isSecretOfVolume(node: string, namespace: string, name: string): boolean {
    for (const volume of this.#objects.list<PersistentVolume>("persistentvolumes"))
      if (secretsOf(volume).some((secret) => secret.namespace === namespace && secret.name === name))
        if (this.#isVolumeOf(node, volume)) return true;
    return false;
  }

  #namesNode(resource: string, name: string, node: string): boolean {
    const object = this.#objects.find<VolumeAttachment | ResourceSlice>(resource, undefined, name);
    return object?.spec?.nodeName === node;
  }

  #add(pod: Pod): void {
    const node = pod.spec.nodeName ?? "";
    if (node === "") return;
    let pods = this.#pods.get(node);
    if (pods === undefined) this.#pods.set(node, (pods = new Map<string, Pod>()));
    pods.set(keyOf(pod), pod);
  }

  #remove(pod: Pod): void {
    const node = pod.spec.nodeName ?? "";
    const pods = this.#pods.get(node);
    pods?.delete(keyOf(pod));
    if (pods?.size === 0) this.#pods.delete(node);
  }
}

function keyOf({ metadata }: Pod): string {
  return `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}

/** Secrets with which a volume is mounted. */
function secretsOf({
  spec,
}: PersistentVolume): readonly { readonly namespace: string; readonly name: string }[] {
  const claim = spec?.claimRef?.namespace ?? "";
  const csi = spec?.csi;
  const references = [
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    csi?.controllerPublishSecretRef,
    csi?.controllerExpandSecretRef,
    spec?.cephfs?.secretRef,
    spec?.rbd?.secretRef,
    spec?.iscsi?.secretRef,
    spec?.flexVolume?.secretRef,
    spec?.scaleIO?.secretRef,
  ];
  return references.flatMap((reference) =>
    reference?.name === undefined ? [] : [{ namespace: reference.namespace ?? claim, name: reference.name }],
  );
}
