import { cpus, deployShape, deviceRequests } from "./deploy-shape.ts";
import * as k from "./shape.ts";
import { isDict, isList, scalarText, type Tree } from "./tree.ts";

/** Addresses by host become a sorted list of `host=address`. */
const hosts: k.Kind = (value) => {
  if (!isDict(value) || Object.keys(value).length === 0) return undefined;
  return Object.entries(value)
    .flatMap(([host, addresses]) =>
      (isList(addresses) ? addresses : [addresses]).map((address) => `${host}=${scalarText(address)}`),
    )
    .sort();
};

function envFile(value: Tree, at: string): k.Decoded | undefined {
  if (isDict(value) && value["required"] !== false && value["format"] === undefined)
    return k.text(value["path"] ?? null, at);
  const kind = k.struct([
    ["path", k.text],
    ["required", (required) => (required === false || required === "false" ? false : undefined)],
    ["format", k.text],
  ]);
  return kind(value, at);
}

const ulimits = k.mapOf((value, at) =>
  isDict(value)
    ? k.struct([
        ["soft", k.wholeOrZero],
        ["hard", k.wholeOrZero],
      ])(value, at)
    : Number(value),
);

const fileReference = k.listOfKind(
  k.struct([
    ["source", k.text],
    ["target", k.text],
    ["uid", k.text],
    ["gid", k.text],
    ["mode", k.mode],
  ]),
);

const hook = k.struct([
  ["command", k.command, "orNull"],
  ["user", k.text],
  ["privileged", k.flag],
  ["working_dir", k.text],
  ["environment", k.stringMap],
]);

const build = k.struct([
  ["context", k.text],
  ["dockerfile", k.text],
  ["dockerfile_inline", k.text],
  ["entitlements", k.texts],
  ["args", k.stringMap],
  ["provenance", k.text],
  ["sbom", k.text],
  ["ssh", k.texts],
  ["labels", k.labelMap],
  ["cache_from", k.texts],
  ["cache_to", k.texts],
  ["no_cache", k.flag],
  ["additional_contexts", k.labelMap],
  ["pull", k.flag],
  ["extra_hosts", hosts],
  ["isolation", k.text],
  ["network", k.text],
  ["target", k.text],
  ["secrets", fileReference],
  ["shm_size", k.bytes],
  ["tags", k.texts],
  ["ulimits", ulimits],
  ["platforms", k.texts],
  ["privileged", k.flag],
]);

const watch = k.struct([
  ["path", k.text],
  ["action", k.text],
  ["target", k.text],
  ["exec", hook, "orEmpty"],
  ["include", listOrOne],
  ["ignore", listOrOne],
  ["initial_sync", k.flag],
]);

function listOrOne(value: Tree, at: string): k.Decoded | undefined {
  return k.texts(isList(value) ? value : [value], at);
}

const rates = k.listOfKind(
  k.struct([
    ["path", k.text],
    ["rate", k.bytes],
  ]),
);

const blkio = k.struct([
  ["weight", k.whole],
  [
    "weight_device",
    k.listOfKind(
      k.struct([
        ["path", k.text],
        ["weight", k.whole],
      ]),
    ),
  ],
  ["device_read_bps", rates],
  ["device_read_iops", rates],
  ["device_write_bps", rates],
  ["device_write_iops", rates],
]);

const healthTest: k.Kind = (value, at) => {
  if (typeof value === "string") return value === "" ? undefined : ["CMD-SHELL", value];
  return k.texts(value, at);
};

const healthcheck = k.struct([
  ["test", healthTest],
  ["timeout", k.duration],
  ["interval", k.duration],
  ["retries", k.wholeOrZero],
  ["start_period", k.duration],
  ["start_interval", k.duration],
  ["disable", k.flag],
]);

const port = k.struct([
  ["name", k.text],
  ["mode", k.text],
  ["host_ip", k.text],
  ["target", k.whole],
  ["published", k.text],
  ["protocol", k.text],
  ["app_protocol", k.text],
]);

const volumeMount = k.struct([
  ["type", k.text],
  ["source", k.text],
  ["target", k.text],
  ["read_only", k.flag],
  ["consistency", k.text],
  [
    "bind",
    k.struct([
      ["selinux", k.text],
      ["propagation", k.text],
      ["create_host_path", k.flag],
      ["recursive", k.text],
    ]),
  ],
  [
    "volume",
    k.struct([
      ["labels", k.labelMap],
      ["nocopy", k.flag],
      ["subpath", k.text],
    ]),
  ],
  [
    "tmpfs",
    k.struct([
      ["size", k.bytes],
      ["mode", k.whole],
    ]),
  ],
  ["image", k.struct([["subpath", k.text]])],
]);

const endpoint = k.struct([
  ["aliases", k.texts],
  ["driver_opts", k.labelMap],
  ["gw_priority", k.whole],
  ["interface_name", k.text],
  ["ipv4_address", k.text],
  ["ipv6_address", k.text],
  ["link_local_ips", k.texts],
  ["mac_address", k.text],
  ["priority", k.whole],
]);

const dependency = k.struct([
  ["condition", k.text],
  ["restart", k.flag],
  ["required", k.flagOrFalse],
]);

export const serviceShape = k.struct([
  ["profiles", k.texts],
  ["annotations", k.labelMap],
  ["attach", k.flagOrFalse],
  ["build", build],
  ["develop", k.struct([["watch", k.listOfKind(watch)]])],
  ["blkio_config", blkio],
  ["cap_add", k.texts],
  ["cap_drop", k.texts],
  ["cgroup_parent", k.text],
  ["cgroup", k.text],
  ["cpu_count", k.whole],
  ["cpu_percent", k.whole],
  ["cpu_period", k.whole],
  ["cpu_quota", k.whole],
  ["cpu_rt_period", k.whole],
  ["cpu_rt_runtime", k.whole],
  ["cpus", cpus],
  ["cpuset", k.text],
  ["cpu_shares", k.whole],
  ["command", k.command, "orNull"],
  ["configs", fileReference],
  ["container_name", k.text],
  [
    "credential_spec",
    k.struct([
      ["config", k.text],
      ["file", k.text],
      ["registry", k.text],
    ]),
  ],
  ["depends_on", k.mapOf(dependency)],
  ["deploy", deployShape],
  ["device_cgroup_rules", k.texts],
  [
    "devices",
    k.listOfKind(
      k.struct([
        ["source", k.text],
        ["target", k.text],
        ["permissions", k.text],
      ]),
    ),
  ],
  ["dns", k.texts],
  ["dns_opt", k.texts],
  ["dns_search", k.texts],
  ["domainname", k.text],
  ["entrypoint", k.command, "orNull"],
  [
    "provider",
    k.struct([
      ["type", k.text],
      ["options", k.mapOf((value) => k.anything(value))],
    ]),
  ],
  ["environment", k.stringMap],
  ["env_file", k.listOfKind(envFile)],
  ["expose", k.texts],
  ["external_links", k.texts],
  ["extra_hosts", hosts],
  ["group_add", k.texts],
  ["gpus", deviceRequests],
  ["hostname", k.text],
  ["healthcheck", healthcheck],
  ["image", k.text],
  ["init", k.flagOrFalse],
  ["ipc", k.text],
  ["isolation", k.text],
  ["labels", k.labelMap],
  ["label_file", k.texts],
  ["links", k.texts],
  [
    "logging",
    k.struct([
      ["driver", k.text],
      ["options", k.labelMap],
    ]),
  ],
  ["mem_limit", k.bytes],
  ["mem_reservation", k.bytes],
  ["memswap_limit", k.bytes],
  ["mem_swappiness", k.bytes],
  ["mac_address", k.text],
  [
    "models",
    k.mapOf(
      k.struct([
        ["endpoint_var", k.text],
        ["model_var", k.text],
      ]),
    ),
  ],
  ["network_mode", k.text],
  ["networks", k.mapOf(endpoint)],
  ["oom_kill_disable", k.flag],
  ["oom_score_adj", k.whole],
  ["pid", k.text],
  ["pids_limit", k.whole],
  ["platform", k.text],
  ["ports", k.listOfKind(port)],
  ["privileged", k.flag],
  ["pull_policy", k.text],
  ["read_only", k.flag],
  ["restart", k.text],
  ["runtime", k.text],
  ["scale", k.wholeOrZero],
  ["secrets", fileReference],
  ["security_opt", k.texts],
  ["shm_size", k.bytes],
  ["stdin_open", k.flag],
  ["stop_grace_period", k.duration],
  ["stop_signal", k.text],
  ["storage_opt", k.labelMap],
  ["sysctls", k.labelMap],
  ["tmpfs", k.texts],
  ["tty", k.flag],
  ["ulimits", ulimits],
  ["use_api_socket", k.flag],
  ["user", k.text],
  ["userns_mode", k.text],
  ["uts", k.text],
  ["volumes", k.listOfKind(volumeMount)],
  ["volumes_from", k.texts],
  ["working_dir", k.text],
  ["post_start", k.listOfKind(hook)],
  ["pre_stop", k.listOfKind(hook)],
]);

export const networkShape = k.struct([
  ["name", k.text],
  ["driver", k.text],
  ["driver_opts", k.labelMap],
  [
    "ipam",
    k.struct([
      ["driver", k.text],
      [
        "config",
        k.listOfKind(
          k.struct([
            ["subnet", k.text],
            ["gateway", k.text],
            ["ip_range", k.text],
            ["aux_addresses", k.labelMap],
          ]),
        ),
      ],
    ]),
    "orEmpty",
  ],
  ["external", k.flag],
  ["internal", k.flag],
  ["attachable", k.flag],
  ["labels", k.labelMap],
  ["enable_ipv4", k.flagOrFalse],
  ["enable_ipv6", k.flagOrFalse],
]);

export const volumeShape = k.struct([
  ["name", k.text],
  ["driver", k.text],
  ["driver_opts", k.labelMap],
  ["external", k.flag],
  ["labels", k.labelMap],
]);

export const fileShape = k.struct([
  ["name", k.text],
  ["file", k.text],
  ["environment", k.text],
  ["content", k.text],
  ["external", k.flag],
  ["labels", k.labelMap],
  ["driver", k.text],
  ["driver_opts", k.labelMap],
  ["template_driver", k.text],
]);

export const modelShape = k.struct([
  ["name", k.text],
  ["model", k.text],
  ["context_size", k.whole],
  ["runtime_flags", k.texts],
]);
