import { createHash } from "node:crypto";
import { mkdirSync, watch } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pod } from "#api/kube/types/core-pods.ts";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";

export const sourceAnnotation = {
  hash: "kubernetes.io/config.hash",
  mirror: "kubernetes.io/config.mirror",
  source: "kubernetes.io/config.source",
} as const;

const mostBytes = 1 << 20;

/** The pod that a file describes, as this node runs it; undefined for what is no pod. */
export function staticPod(document: unknown, file: string, text: string, nodeName: string): Pod | undefined {
  const given = document as Partial<Pod> | undefined;
  const name = given?.metadata?.name;
  if (given?.kind !== "Pod" || given.spec === undefined || name === undefined || name === "")
    return undefined;
  const uid = createHash("sha256").update(`${nodeName}\0${file}\0${text}`).digest("hex").slice(0, 32);
  const always = { operator: "Exists", effect: "NoExecute" } as const;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      ...given.metadata,
      name: `${name}-${nodeName}`,
      namespace: given.metadata?.namespace ?? "default",
      uid,
      annotations: {
        ...given.metadata?.annotations,
        [sourceAnnotation.hash]: uid,
        [sourceAnnotation.source]: "file",
      },
    },
    spec: { ...given.spec, nodeName, tolerations: [...(given.spec.tolerations ?? []), always] },
  };
}

/** What the API is shown of a pod from a file. */
export function mirrorOf(pod: Pod, node: { readonly name: string; readonly uid: string }): Pod {
  const { uid = "", annotations, labels, name = "", namespace = "default" } = pod.metadata;
  const owner = { apiVersion: "v1", kind: "Node", name: node.name, uid: node.uid, controller: true };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [sourceAnnotation.mirror]: uid },
      ownerReferences: [owner],
    },
    spec: pod.spec,
  };
}

export function findMirrorHash(pod: Pod): string | undefined {
  return pod.metadata.annotations?.[sourceAnnotation.mirror];
}

/** Tells which pods the folder's files describe, now and after each change, until the signal aborts. Bad files are left out. */
export async function followStaticPods(
  { folder, nodeName, log }: { readonly folder: string; readonly nodeName: string; readonly log: Log },
  tell: (pods: readonly Pod[]) => void,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let wake: () => void = () => {};
  let hasChanged = true;
  const note = () => {
    hasChanged = true;
    wake();
  };
  const watcher = watch(folder, note);
  watcher.on("error", (error) =>
    log.warn("the folder of static pods is watched no more", { error: messageOf(error) }),
  );
  signal.addEventListener("abort", note, { once: true });
  try {
    while (!signal.aborted) {
      if (!hasChanged) await new Promise<void>((resolve) => (wake = resolve));
      hasChanged = false;
      if (!signal.aborted) tell(await readPods(folder, nodeName, log));
    }
  } finally {
    watcher.close();
    signal.removeEventListener("abort", note);
  }
}

async function readPods(folder: string, nodeName: string, log: Log): Promise<readonly Pod[]> {
  const found: Pod[] = [];
  for (const file of (await readdir(folder))
    .filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name))
    .toSorted()) {
    try {
      const text = await readFile(join(folder, file), "utf8");
      if (text.length > mostBytes) throw new Error("is too long");
      const { load } = await import("js-yaml");
      const pod = staticPod(load(text), file, text, nodeName);
      if (pod === undefined) throw new Error("is no pod");
      found.push(pod);
    } catch (error) {
      log.warn("a file is no static pod", { file, error: messageOf(error) });
    }
  }
  return found;
}
