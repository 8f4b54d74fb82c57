import type { Role } from "#api/hypercore/types.ts";

/** What a role lets its users do. `read` comes with every role. */
export type Permission =
  | "read"
  | "vm-edit"
  | "vm-delete"
  | "vm-power"
  | "backup"
  | "cluster-settings"
  | "cluster-shutdown"
  | "admin";

const table = [
  ["38b346c6-a626-444b-b6ab-92ecd671afc0", "Admin", "Everything", "admin"],
  ["7224a2bd-5a08-4b99-a0de-9977089c66a4", "Backup", "Snapshots, schedules, replication, export", "backup"],
  ["461b3c1d-6c0d-4c6a-8f4f-1e6d5a3b2f10", "Cluster Settings", "Settings of the cluster", "cluster-settings"],
  ["8a2f6ed0-5f6b-4d2c-9a52-34a0f6a5ce11", "Cluster Shutdown", "Shuts the cluster down", "cluster-shutdown"],
  ["5bd7ad1c-9d0e-4a3b-8d8e-2f5f1b8e6a12", "Read", "Reads everything", "read"],
  ["be4c1d2f-3a47-4f0e-b1c9-77c2a9d0e413", "VM Create/Edit", "Makes and changes virtual machines", "vm-edit"],
  ["c0d9e7f3-1b5a-4c8d-a6e4-90f3b2c1d514", "VM Delete", "Deletes virtual machines", "vm-delete"],
  [
    "d7f1a8b2-4e6c-4b9f-8c03-6a5e4d3c2b15",
    "VM Power Controls",
    "Starts and stops virtual machines",
    "vm-power",
  ],
] as const satisfies readonly (readonly [string, string, string, Permission])[];

export const roles: readonly Role[] = table.map(([uuid, name, description, permission]) => ({
  uuid,
  name,
  description,
  permissions: [{ functionName: permission }],
  oidcName: "",
}));

export const adminRole = table[0][0];

export function isRole(uuid: string): boolean {
  return table.some(([own]) => own === uuid);
}

/** Whether somebody with these roles may do it. */
export function isAllowed(roleUUIDs: readonly string[], wanted: Permission): boolean {
  const held = table
    .filter(([uuid]) => roleUUIDs.includes(uuid))
    .map(([, , , permission]): Permission => permission);
  return held.includes("admin") || held.includes(wanted) || (wanted === "read" && held.length > 0);
}
