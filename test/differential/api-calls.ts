import type { Command, Expected, Scenario } from "./commands.ts";

// Requests as clients other than the CLI send them: other versions, bad parameters, odd bodies. `api` is the script beside this.

const versions = ["1.24", "1.30", "1.38", "1.41", "1.43", "1.44", "1.45", "1.47", "1.48", "1.51"] as const;

interface Call {
  /** Without the version: `/containers/json?all=1`. */
  readonly path: string;
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS";
  readonly body?: object | string;
  readonly version?: string;
}

function call({ path, method = "GET", body, version }: Call, options = ""): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const place = `'${version === undefined ? "" : `/v${version}`}${path}'`;
  return `api ${options}${method} ${place}${body === undefined ? "" : ` '${text}'`}`;
}

/** The status code, the type and the body. */
const lines = (given: Call, expected: readonly Expected[] = []): Command => ({ run: call(given), expected });

/** The body's keys and the types of their values, or with `values` these as well. */
const shape = (
  given: Call,
  compare: "shape" | "values" = "shape",
  expected: readonly Expected[] = [],
): Command => ({ run: call(given, "-b "), compare, expected });

/** A refusal that is the client's fault is not the server's. */
const notServers: readonly Expected[] = [
  { line: /^(400|500) application\/json$/, why: "400, where the peer says 500 for a client's mistake" },
];
const refusedAtOnce: readonly Expected[] = [
  { line: /./, why: "refused at once, where the peer makes a container that no start can publish ports of" },
];
const descriptors: readonly Expected[] = [
  { line: /\.Descriptor\./, why: "images are kept by manifest, as with the peer's containerd store" },
];

const dispositions: readonly Expected[] = [
  {
    line: /^\.(GraphDriver|Platform|MountLabel|ProcessLabel|AppArmorProfile)/,
    why: "of the storage driver and the build",
  },
  { line: /^\.HostConfig\.Runtime/, why: "crun" },
];

/** How daemons answer older versions has changed with them: what is compared is the newest one's way. */
const needs = 51;

/** What has a shape of its own in each version of the API. */
const versioned: readonly Scenario[] = versions.map((version) => ({
  name: `api ${version}`,
  needs,
  commands: [
    "docker run -d --name vv -p 127.0.0.1::80 -v data:/data -l a=b bb sleep 100 | wc -c",
    "docker network create vn | wc -c",
    shape({ path: "/containers/json", version }),
    shape({ path: "/containers/json?all=1&size=1", version }),
    shape({ path: "/containers/vv/json", version }, "shape", dispositions),
    shape({ path: "/containers/vv/json?size=1", version }, "shape", dispositions),
    shape({ path: "/images/json", version }, "shape", descriptors),
    shape({ path: "/images/json?digests=1&shared-size=1", version }, "shape", descriptors),
    shape({ path: "/images/bb/json", version }, "shape", [...dispositions, ...descriptors]),
    shape({ path: "/images/bb/history", version }),
    shape({ path: "/networks", version }),
    shape({ path: "/networks/vn", version }),
    shape({ path: "/networks/bridge", version }, "shape", [
      { line: /^\.Options\./, why: "the bridge's name and its userland proxy" },
    ]),
    shape({ path: "/volumes", version }),
    shape({ path: "/volumes/data", version }),
    shape({ path: "/containers/vv/top", version }),
    shape({ path: "/containers/vv/changes", version }),
    lines({ path: "/containers/vv/wait?condition=bogus", method: "POST", version }),
    lines({ path: "/containers/vv/logs", version }),
    lines({
      path: "/containers/create?name=ww",
      method: "POST",
      version,
      body: { Image: "bb", HostConfig: {} },
    }),
    shape({ path: "/containers/ww/json", version }, "values", [
      ...dispositions,
      {
        line: /^\.(Id|Created|Image|Path|Name|State|LogPath|ResolvConfPath|HostnamePath|HostsPath)\b/,
        why: "made up",
      },
      { line: /^\.(Driver|Storage|ImageManifestDescriptor)/, why: "of the image store" },
    ]),
    lines({ path: "/containers/ww", method: "DELETE", version }),
    shape({ path: "/exec/nosuch/json", version }, "values"),
  ],
}));

const refused: Scenario = {
  name: "api: bad requests",
  needs,
  commands: [
    lines({ path: "/nosuch" }),
    lines({ path: "/containers/json", method: "DELETE" }),
    lines({ path: "/v9.99/info" }, [{ line: /is too new/, why: "newer versions are understood" }]),
    lines({ path: "/v1.1/info" }, [
      {
        line: /^400|is too old/,
        why: "errors are JSON, also for clients from before 1.24, which are refused",
      },
    ]),
    lines({ path: "/vx/info" }),
    lines({ path: "/info", method: "OPTIONS" }),
    lines({ path: "/containers/json?filters={" }),
    lines({ path: "/containers/json?filters=[]" }),
    lines({ path: '/containers/json?filters={"status":["bogus"]}' }),
    lines({ path: '/containers/json?filters={"nosuch":["x"]}' }),
    lines({ path: "/containers/json?limit=x" }, notServers),
    lines({ path: "/containers/nosuch/json" }),
    lines({ path: "/containers/nosuch/start", method: "POST" }),
    lines({ path: "/containers/nosuch/stop?t=x", method: "POST" }, notServers),
    lines({ path: "/containers/nosuch/kill?signal=BOGUS", method: "POST" }),
    lines({ path: "/containers/nosuch/logs?stdout=1" }),
    lines({ path: "/containers/nosuch/stats?stream=0" }),
    lines({ path: "/containers/nosuch/top" }),
    lines({ path: "/containers/nosuch/resize?h=1&w=1", method: "POST" }),
    lines({ path: "/containers/nosuch/rename?name=x", method: "POST" }),
    lines({ path: "/containers/nosuch/wait", method: "POST" }),
    lines({ path: "/containers/nosuch/archive?path=/" }),
    lines({ path: "/containers/nosuch/export" }),
    lines({ path: "/containers/nosuch", method: "DELETE" }),
    lines({ path: "/containers/nosuch/update", method: "POST", body: { Memory: 0 } }),
    lines({ path: "/containers/create", method: "POST" }),
    lines({ path: "/containers/create", method: "POST", body: "{}" }),
    lines({ path: "/containers/create", method: "POST", body: "[" }, [
      { line: /JSON|EOF|invalid/, why: "the decoder's own words" },
    ]),
    lines({ path: "/containers/create", method: "POST", body: { Image: 1 } }, [
      { line: /unmarshal|type/, why: "the decoder's own words" },
    ]),
    lines({ path: "/containers/create", method: "POST", body: { Image: "nosuch:1" } }),
    lines({ path: "/containers/create?name=_", method: "POST", body: { Image: "bb" } }),
    lines({ path: "/containers/create?platform=bogus/x/y/z", method: "POST", body: { Image: "bb" } }),
    lines({ path: "/containers/create", method: "POST", body: { Image: "bb", Env: ["=x"] } }),
    lines({ path: "/containers/create", method: "POST", body: { Image: "bb", HostConfig: { Memory: -1 } } }),
    lines(
      { path: "/containers/create", method: "POST", body: { Image: "bb", HostConfig: { Binds: ["x"] } } },
      notServers,
    ),
    lines(
      { path: "/containers/create", method: "POST", body: { Image: "bb", HostConfig: { Binds: ["/a:b"] } } },
      notServers,
    ),
    lines(
      {
        path: "/containers/create",
        method: "POST",
        body: { Image: "bb", HostConfig: { PortBindings: { "80/bogus": [{}] } } },
      },
      refusedAtOnce,
    ),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", HostConfig: { Mounts: [{ Type: "bogus", Target: "/x" }] } },
    }),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", HostConfig: { Mounts: [{ Type: "bind", Target: "/x", Source: "/nosuch" }] } },
    }),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", HostConfig: { RestartPolicy: { Name: "bogus" } } },
    }),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", HostConfig: { LogConfig: { Type: "bogus" } } },
    }),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", HostConfig: { Runtime: "bogus" } },
    }),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", HostConfig: { CapAdd: ["BOGUS"] } },
    }),
    lines({ path: "/containers/create", method: "POST", body: { Image: "bb", StopSignal: "BOGUS" } }),
    lines({
      path: "/containers/create",
      method: "POST",
      body: { Image: "bb", Healthcheck: { Interval: 1 } },
    }),
    lines(
      { path: "/containers/create", method: "POST", body: { Image: "bb", ExposedPorts: { "x/tcp": {} } } },
      refusedAtOnce,
    ),
    lines({ path: "/images/nosuch/json" }),
    lines({ path: "/images/nosuch/history" }),
    lines({ path: "/images/nosuch/tag?repo=x", method: "POST" }),
    lines({ path: "/images/bb/tag?repo=UPPER", method: "POST" }),
    lines({ path: "/images/bb/tag?repo=x&tag=a:b", method: "POST" }),
    lines({ path: "/images/nosuch", method: "DELETE" }),
    lines({ path: '/images/json?filters={"nosuch":["x"]}' }),
    lines({ path: '/images/json?filters={"dangling":["x"]}' }),
    lines({ path: "/images/create", method: "POST" }, [
      ...notServers,
      { line: /no Host in request URL|fromImage or fromSrc/, why: "says what is missing" },
    ]),
    lines({ path: "/networks/nosuch" }),
    lines({ path: "/networks/nosuch", method: "DELETE" }),
    lines({ path: "/networks/bridge", method: "DELETE" }),
    lines({ path: "/networks/create", method: "POST", body: { Name: "" } }),
    lines({ path: "/networks/create", method: "POST", body: { Name: "x", Driver: "bogus" } }),
    lines({ path: "/networks/create", method: "POST", body: { Name: "x", Scope: "swarm" } }),
    lines({ path: "/networks/nosuch/connect", method: "POST", body: { Container: "x" } }),
    lines({ path: "/networks/bridge/connect", method: "POST", body: { Container: "nosuch" } }),
    lines({ path: "/networks/bridge/disconnect", method: "POST", body: { Container: "nosuch" } }),
    lines({ path: "/volumes/nosuch" }),
    lines({ path: "/volumes/nosuch", method: "DELETE" }),
    lines({ path: "/volumes/create", method: "POST", body: { Name: "-" } }),
    lines({ path: "/volumes/create", method: "POST", body: { Name: "x", Driver: "bogus" } }),
    lines({ path: "/volumes/create", method: "POST", body: { Name: "x", DriverOpts: { bogus: "1" } } }),
    lines({ path: '/volumes?filters={"nosuch":["x"]}' }),
    lines({ path: "/exec/nosuch/start", method: "POST", body: { Detach: true } }),
    lines({ path: "/exec/nosuch/resize?h=1&w=1", method: "POST" }),
    lines({ path: "/events?since=x&until=y" }, notServers),
    lines({ path: '/events?until=1&filters={"nosuch":["x"]}' }, [
      { line: /^[24]00 application/, why: "a refusal has the status of one" },
    ]),
    lines({ path: "/auth", method: "POST", body: "{" }, [
      ...notServers,
      { line: /JSON|EOF/, why: "the decoder's own words" },
    ]),
    lines({ path: "/system/df?type=bogus" }),
    lines({ path: "/commit?container=nosuch", method: "POST", body: {} }),
  ],
};

const absent: Scenario = {
  name: "api: features that are off",
  needs,
  commands: [
    lines({ path: "/swarm" }),
    lines({ path: "/nodes" }),
    lines({ path: "/services" }),
    lines({ path: "/tasks" }),
    lines({ path: "/secrets" }),
    lines({ path: "/configs" }),
    lines({ path: "/services/create", method: "POST", body: {} }),
    lines({ path: "/secrets/x" }),
    lines({ path: "/swarm/unlockkey" }),
    lines({ path: "/swarm/leave", method: "POST" }),
    lines({ path: "/plugins" }),
    lines({ path: "/plugins/nosuch/json" }),
    lines({ path: "/plugins/nosuch/enable", method: "POST" }, [
      { line: /^[45]0|not found|strconv\.Atoi/, why: "the peer wants a timeout first" },
    ]),
    lines({ path: "/containers/x/checkpoints" }),
    lines({ path: "/containers/x/checkpoints", method: "POST", body: { CheckpointID: "a" } }),
    lines({ path: "/_ping" }),
    {
      run: `${call({ path: "/_ping", method: "HEAD" })} | cut -d: -f1`,
      compare: "set",
      expected: [{ line: /^(Connection|Keep-Alive)$/, why: "says what is the default" }],
    },
    shape({ path: "/info" }, "shape", [
      {
        line: /^\.(Containerd|ContainerdCommit|RuncCommit|InitCommit|DriverStatus|Runtimes|SecurityOptions|Plugins|Warnings|GenericResources|DiscoveredDevices|FirewallBackend|HttpProxy|CDISpecDirs|DefaultAddressPools)\b/,
        why: "of this daemon's parts",
      },
    ]),
    shape({ path: "/version" }, "shape", [
      { line: /^\.(Components|GitCommit|GoVersion|BuildTime)\b/, why: "what it is made of" },
    ]),
    shape({ path: "/system/df" }, "shape", [
      { line: /^\.BuildCache/, why: "of the builder" },
      { line: /\.RepoDigests/, why: "a list, as in the list of images" },
      ...descriptors,
    ]),
  ],
};

export const apiScenarios: readonly Scenario[] = [...versioned, refused, absent];
