import type { Strategy } from "#orchestrator/machinery/resource.ts";

/** What each kind adds to its data, by resource with its group. */
export const strategies: Readonly<Record<string, Strategy>> = {};
