import type { TaskList } from "#hypervisor/tasks/task-list.ts";
import { noBody, reply, type Route } from "./route.ts";

export function taskRoutes(tasks: TaskList): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/rest/v1/TaskTag",
      needs: "read",
      body: noBody,
      handle: () => reply(tasks.list()),
    },
    {
      method: "GET",
      path: "/rest/v1/TaskTag/{taskTag}",
      needs: "read",
      body: noBody,
      handle: ({ params }) => {
        const found = tasks.find(params["taskTag"] ?? "");
        return reply(found === undefined ? [] : [found]);
      },
    },
  ];
}
