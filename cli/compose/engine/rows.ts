import { humanDuration } from "#api/docker/human-duration.ts";
import type { ContainerPort, ContainerSummary } from "#client/docker-types.ts";
import type { Observed } from "../converge/observe.ts";
import { label } from "../converge/labels.ts";

/** A container as `ps` shows it, with the names that templates and JSON use. */
export interface PsRow {
  readonly Command: string;
  readonly CreatedAt: string;
  readonly ExitCode: number;
  readonly Health: string;
  readonly ID: string;
  readonly Image: string;
  readonly Labels: string;
  readonly LocalVolumes: string;
  readonly Mounts: string;
  readonly Name: string;
  readonly Names: string;
  readonly Networks: string;
  readonly Ports: string;
  readonly Project: string;
  readonly Publishers: readonly Publisher[];
  readonly RunningFor: string;
  readonly Service: string;
  readonly Size: string;
  readonly State: string;
  readonly Status: string;
}

interface Publisher {
  readonly URL: string;
  readonly TargetPort: number;
  readonly PublishedPort: number;
  readonly Protocol: string;
}

export function psRow(container: Observed, now: Date, options: { readonly isFull: boolean }): PsRow {
  const { summary } = container;
  const labels = Object.entries(summary.Labels ?? {});
  const ports = sortedPorts(summary);
  const mounts = (summary.Mounts ?? []).map(({ Name, Source }) =>
    cut(Name || (Source ?? ""), 15, options.isFull),
  );
  return {
    Command: JSON.stringify(cut(summary.Command, 20, options.isFull)),
    CreatedAt: `${new Date(summary.Created * 1000).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`,
    ExitCode: Number(/Exited \((\d+)\)/.exec(summary.Status)?.[1] ?? 0),
    Health:
      /\((healthy|unhealthy)\)/.exec(summary.Status)?.[1] ??
      (summary.Status.includes("health: starting") ? "starting" : ""),
    ID: options.isFull ? container.id : container.id.slice(0, 12),
    Image: summary.Image,
    Labels: labels.map(([name, value]) => `${name}=${value}`).join(","),
    LocalVolumes: String((summary.Mounts ?? []).filter(({ Driver }) => Driver === "local").length),
    Mounts: mounts.join(","),
    Name: container.name,
    Names: container.name,
    Networks: Object.keys(summary.NetworkSettings?.Networks ?? {}).join(","),
    Ports: ports.map(showPort).join(", "),
    Project: summary.Labels?.[label.project] ?? "",
    Publishers: ports.map((port) => ({
      URL: port.IP ?? "",
      TargetPort: port.PrivatePort,
      PublishedPort: port.PublicPort ?? 0,
      Protocol: port.Type,
    })),
    RunningFor: `${humanDuration(now.getTime() - summary.Created * 1000)} ago`,
    Service: container.service,
    Size: "0B",
    State: container.state,
    Status: summary.Status,
  };
}

function cut(text: string, length: number, isFull: boolean): string {
  const letters = Array.from(text);
  return isFull || letters.length <= length ? text : `${letters.slice(0, length - 1).join("")}…`;
}

function sortedPorts({ Ports }: ContainerSummary): readonly ContainerPort[] {
  const isSix = ({ IP }: ContainerPort) => Number(IP?.includes(":") === true);
  return [...(Ports ?? [])].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort || isSix(a) - isSix(b) || (a.PublicPort ?? 0) - (b.PublicPort ?? 0),
  );
}

function showPort({ IP, PrivatePort, PublicPort, Type }: ContainerPort): string {
  if (PublicPort === undefined) return `${PrivatePort}/${Type}`;
  const host = IP?.includes(":") ? `[${IP}]` : (IP ?? "");
  return `${host}:${PublicPort}->${PrivatePort}/${Type}`;
}
