import type { Strategy } from "#orchestrator/machinery/resource.ts";
import { accessStrategies } from "./access/strategies.ts";
import { clusterStrategies } from "./cluster/strategies.ts";
import { definitionStrategy } from "./custom/definition-strategy.ts";
import { networkStrategies } from "./network/strategies.ts";
import { podStrategy } from "./pods/strategy.ts";
import { storageStrategies } from "./storage/strategies.ts";
import { workloadStrategies } from "./workloads/strategies.ts";

/** What each kind adds to its data, by resource with its group. */
export const strategies: Readonly<Record<string, Strategy>> = {
  pods: podStrategy,
  ...workloadStrategies,
  ...networkStrategies,
  ...storageStrategies,
  ...clusterStrategies,
  ...accessStrategies,
  "customresourcedefinitions.apiextensions.k8s.io": definitionStrategy,
};
