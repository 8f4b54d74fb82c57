import type { Context } from "../context.ts";
import { listContexts } from "../contexts/context-store.ts";
import type { CompletionKind, FlagTable, FlagValues } from "../flags.ts";
import type { SessionValues } from "../kube/session.ts";

/** What stands before the word that is being completed. */
export interface WordsBefore {
  readonly operands: readonly string[];
  readonly values: FlagValues<FlagTable>;
}

/** Names that exist, for the completion of words of one kind. */
export async function candidatesOf(
  kind: Exclude<CompletionKind, readonly string[]>,
  context: Context,
  { operands, values }: WordsBefore,
  last: string,
): Promise<readonly string[]> {
  const { signal } = context;
  switch (kind) {
    case "container":
    case "running-container": {
      const found = await context.engine().listContainers({ all: kind === "container" }, signal);
      return found.flatMap(({ Names }) =>
        Names.map((name) => name.slice(1)).filter((name) => !name.includes("/")),
      );
    }
    case "image": {
      const found = await context.engine().listImages(signal);
      return found.flatMap(({ RepoTags }) =>
        (RepoTags ?? []).flatMap((name) =>
          name.endsWith(":latest") ? [name, name.slice(0, -":latest".length)] : [name],
        ),
      );
    }
    case "network":
      return (await context.engine().listNetworks({}, signal)).map(({ Name }) => Name);
    case "volume":
      return ((await context.engine().listVolumes({}, signal)).Volumes ?? []).map(({ Name }) => Name);
    case "context":
      return ["default", ...listContexts(context).map(({ Name }) => Name)];
    case "machine":
    case "running-machine":
    case "stopped-machine":
    case "machine-image":
      return await (await import("../vm/candidates.ts")).machineCandidates(kind, context);
    case "kube-type":
    case "kube-object": {
      const { kubeCandidates } = await import("../kube/candidates.ts");
      return await kubeCandidates(kind, context, values as unknown as SessionValues, operands, last);
    }
    case "file":
    case "command":
      return [];
    default:
      return kind satisfies never;
  }
}
