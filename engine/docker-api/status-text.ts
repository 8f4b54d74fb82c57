import { humanDuration } from "#api/docker/human-duration.ts";
import { type ContainerState, zeroTime } from "#engine/containers/record.ts";

/** What `docker ps` shows under STATUS. @param nowMs milliseconds since 1970 */
export function statusText(state: ContainerState, nowMs: number): string {
  const since = (time: string) => humanDuration(nowMs - Date.parse(time));
  switch (state.status) {
    case "running": {
      const up = `Up ${since(state.startedAt)}`;
      const health = state.health?.status;
      if (health === undefined) return up;
      return `${up} (${health === "starting" ? "health: starting" : health})`;
    }
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
    case "exited":
      if (state.startedAt === zeroTime) return "Created";
      return state.finishedAt === zeroTime ? "" : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
    default:
      return state.status satisfies never;
  }
}
