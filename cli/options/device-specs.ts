import { Fault } from "#base/fault.ts";
import type { ContainerValues } from "./container-body.ts";
import { keyValues } from "./environment.ts";
import { parseBytes } from "./quantities.ts";

/** Devices, their rates, ulimits and GPUs as the API has them. @throws {Fault} `invalid` with Docker's texts */
export function deviceOptions(values: ContainerValues): Readonly<Record<string, unknown>> {
  return {
    Devices: values.device.filter((spec) => !isCdi(spec)).map(parseDevice),
    DeviceCgroupRules:
      values["device-cgroup-rule"].length === 0 ? null : values["device-cgroup-rule"].map(checkRule),
    DeviceRequests: requestsOf(values),
    BlkioWeightDevice: values["blkio-weight-device"].map(parseWeight),
    BlkioDeviceReadBps: values["device-read-bps"].map((spec) => parseRate("bps", spec)),
    BlkioDeviceWriteBps: values["device-write-bps"].map((spec) => parseRate("bps", spec)),
    BlkioDeviceReadIOps: values["device-read-iops"].map((spec) => parseRate("iops", spec)),
    BlkioDeviceWriteIOps: values["device-write-iops"].map((spec) => parseRate("iops", spec)),
    Ulimits: values.ulimit.map(parseUlimit),
  };
}

function isCdi(spec: string): boolean {
  return !spec.startsWith("/") && /^[^/=]+\/[^/=]+=.+$/.test(spec);
}

function parseDevice(spec: string): object {
  const parts = spec.split(":");
  if (parts.length > 3) throw new Fault("invalid", `invalid device specification: ${spec}`);
  const [source = "", second = "", third] = parts;
  const isMode = (text: string) => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length;
  if (third !== undefined && !isMode(third)) throw new Fault("invalid", `bad mode specified: ${third}`);
  const isSecondMode = third === undefined && isMode(second);
  const target = isSecondMode || second === "" ? source : second;
  if (!target.startsWith("/")) throw new Fault("invalid", `${target} is not an absolute path`);
  return {
    PathOnHost: source,
    PathInContainer: target,
    CgroupPermissions: third ?? (isSecondMode ? second : "rwm"),
  };
}

function checkRule(rule: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(rule))
    throw new Fault("invalid", `invalid device cgroup format '${rule}'`);
  return rule;
}

export function parseWeight(spec: string): object {
  const [, Path, weight] = /^([^:]+):(\d+)$/.exec(spec) ?? [];
  if (Path === undefined || !Path.startsWith("/dev/")) throw new Fault("invalid", `bad format: ${spec}`);
  const Weight = Number(weight);
  if (Weight > 0 && (Weight < 10 || Weight > 1000))
    throw new Fault("invalid", `invalid weight for device: ${spec}`);
  return { Path, Weight };
}

export function parseRate(unit: "bps" | "iops", spec: string): object {
  const [, Path, text = ""] = /^([^:]+):(.+)$/.exec(spec) ?? [];
  if (Path === undefined) throw new Fault("invalid", `bad format: ${spec}`);
  if (!Path.startsWith("/dev/")) throw new Fault("invalid", `bad format for device path: ${spec}`);
  const Rate = unit === "bps" ? rateInBytes(text) : Number(text);
  if (!(Rate >= 0)) {
    const form =
      unit === "bps"
        ? "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        : "<device-path>:<number>. Number must be a positive integer";
    throw new Fault("invalid", `invalid rate for device: ${spec}. The correct format is ${form}`);
  }
  return { Path, Rate };
}

function rateInBytes(text: string): number {
  try {
    return parseBytes(text);
  } catch {
    return Number.NaN;
  }
}

const ulimitNames = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

/** `nofile=1024:2048`. @throws {Fault} `invalid` with go-units' texts */
export function parseUlimit(spec: string): {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
} {
  const bad = (why: string) => new Fault("invalid", why);
  const [, Name = "", limits = ""] = /^([^=]*)=(.*)$/.exec(spec) ?? [];
  if (!spec.includes("=")) throw bad(`invalid ulimit argument: ${spec}`);
  if (!ulimitNames.has(Name)) throw bad(`invalid ulimit type: ${Name}`);
  const parts = limits.split(":");
  if (parts.length > 2)
    throw bad(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``);
  const numbers = parts.map((part) => {
    if (!/^-?\d+$/.test(part)) throw bad(`strconv.ParseInt: parsing ${JSON.stringify(part)}: invalid syntax`);
    return Number(part);
  });
  const [Soft = 0, Hard = numbers[0] ?? 0] = numbers;
  if (Hard !== -1 && (Soft === -1 || Soft > Hard))
    throw bad(
      Soft === -1
        ? `ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: ${Hard}`
        : `ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`,
    );
  return { Name, Soft, Hard };
}

function requestsOf(values: ContainerValues): readonly object[] | null {
  const cdi = values.device.filter(isCdi);
  const requests: object[] = cdi.length === 0 ? [] : [{ Driver: "cdi", DeviceIDs: cdi }];
  if (values.gpus !== undefined) requests.push(parseGpus(values.gpus));
  return requests.length === 0 ? null : requests;
}

export function parseGpus(spec: string): object {
  const request: Record<string, unknown> = {
    Driver: "",
    Count: 0,
    DeviceIDs: null,
    Capabilities: [["gpu"]],
    Options: {},
  };
  for (const field of spec.split(",")) {
    const [key = "", value] = field.split("=");
    if (value === undefined && (field === "all" || /^-?\d+$/.test(field)))
      request["Count"] = field === "all" ? -1 : Number(field);
    else if (key === "count") request["Count"] = value === "all" ? -1 : Number(value);
    else if (key === "driver") request["Driver"] = value;
    else if (key === "device") request["DeviceIDs"] = [value];
    else if (key === "capabilities") request["Capabilities"] = [["gpu", value]];
    else if (key === "options") request["Options"] = keyValues([value ?? ""]);
    else throw new Fault("invalid", `unexpected key '${key}' in '${field}'`);
  }
  return request;
}
