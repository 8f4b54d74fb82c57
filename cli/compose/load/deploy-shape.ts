import * as k from "./shape.ts";

export const cpus: k.Kind = (value) => (value === null || Number(value) === 0 ? undefined : Number(value));

const countOrAll: k.Kind = (value) => (value === "all" ? -1 : Number(value));

const updateConfig = k.struct([
  ["parallelism", k.wholeOrZero],
  ["delay", k.duration],
  ["failure_action", k.text],
  ["monitor", k.duration],
  ["max_failure_ratio", k.whole],
  ["order", k.text],
]);

export const deviceRequests = k.listOfKind(
  k.struct([
    ["capabilities", k.texts],
    ["driver", k.text],
    ["count", countOrAll],
    ["device_ids", k.texts],
    ["options", k.labelMap],
  ]),
);

const genericResources = k.listOfKind(
  k.struct([
    [
      "discrete_resource_spec",
      k.struct([
        ["kind", k.text],
        ["value", k.whole],
      ]),
    ],
  ]),
);

const resource = k.struct([
  ["cpus", cpus],
  ["memory", k.bytes],
  ["pids", k.whole],
  ["devices", deviceRequests],
  ["generic_resources", genericResources],
]);

export const deployShape = k.struct([
  ["mode", k.text],
  ["replicas", k.wholeOrZero],
  ["labels", k.labelMap],
  ["update_config", updateConfig],
  ["rollback_config", updateConfig],
  [
    "resources",
    k.struct([
      ["limits", resource],
      ["reservations", resource],
    ]),
    "orEmpty",
  ],
  [
    "restart_policy",
    k.struct([
      ["condition", k.text],
      ["delay", k.duration],
      ["max_attempts", k.wholeOrZero],
      ["window", k.duration],
    ]),
  ],
  [
    "placement",
    k.struct([
      ["constraints", k.texts],
      ["preferences", k.listOfKind(k.struct([["spread", k.text]]))],
      ["max_replicas_per_node", k.whole],
    ]),
    "orEmpty",
  ],
  ["endpoint_mode", k.text],
]);
