import type { ContainerSummary } from "#client/docker-types.ts";
import type { Session } from "../session.ts";
import { label } from "./labels.ts";

/** A container of a project as the engine knows it. */
export interface Observed {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly number: number;
  readonly isOneoff: boolean;
  readonly state: string;
  readonly hash: string | undefined;
  /** ID of the image that it was made from, as compose noted it. */
  readonly imageLabel: string | undefined;
  readonly summary: ContainerSummary;
}

/** All containers of a project, running or not, in the order of service and number. */
export async function observe(
  session: Pick<Session, "client" | "signal">,
  project: string,
): Promise<readonly Observed[]> {
  const found = await session.client.listContainers(
    { all: true, filters: { label: [`${label.project}=${project}`, label.hash] } },
    session.signal,
  );
  const oneoffs = await session.client.listContainers(
    { all: true, filters: { label: [`${label.project}=${project}`, `${label.oneoff}=True`] } },
    session.signal,
  );
  const known = new Set(found.map(({ Id }) => Id));
  return [...found, ...oneoffs.filter(({ Id }) => !known.has(Id))]
    .map(observed)
    .sort((a, b) => (a.service === b.service ? a.number - b.number : a.service < b.service ? -1 : 1));
}

function observed(summary: ContainerSummary): Observed {
  const labels = summary.Labels ?? {};
  return {
    id: summary.Id,
    name: (summary.Names[0] ?? "").replace(/^\//, ""),
    service: labels[label.service] ?? "",
    number: Number(labels[label.number] ?? 0),
    isOneoff: labels[label.oneoff] === "True",
    state: summary.State,
    hash: labels[label.hash],
    imageLabel: labels[label.image],
    summary,
  };
}

export function containersOf(all: readonly Observed[], service: string): readonly Observed[] {
  return all.filter((container) => container.service === service && !container.isOneoff);
}
