import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import { readableBy } from "./common-routes.ts";
import type { Route } from "./route.ts";

export function taskRoutes(tasks: TaskList): readonly Route[] {
  return readableBy(
    "TaskTag",
    "taskTag",
    () => tasks.list(),
    (tag) => tasks.find(tag),
  );
}
