import type { Container, Lifecycle, LifecycleHandler, Probe } from "#api/kube/types/core-pods.ts";
import { forbidden, invalid, required } from "#orchestrator/machinery/field-error.ts";
import { headerNameComplaints, portComplaints, portNameComplaints } from "#orchestrator/machinery/names.ts";
import { checkName, checkNonNegative, checkPresent, checkSupported, type Findings } from "../check.ts";

type Handler = Pick<Probe, "exec" | "httpGet" | "tcpSocket" | "grpc"> & LifecycleHandler;

export function checkProbes(
  into: Findings,
  path: string,
  container: Container,
  graceS: number | undefined,
): void {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  for (const [name, probe] of Object.entries({ livenessProbe, readinessProbe, startupProbe })) {
    if (probe === undefined) continue;
    const own = `${path}.${name}`;
    checkProbe(into, own, probe, graceS);
    if (name === "readinessProbe") {
      if (probe.terminationGracePeriodSeconds !== undefined)
        into.push(
          invalid(
            `${own}.terminationGracePeriodSeconds`,
            probe.terminationGracePeriodSeconds,
            "must not be set for readinessProbes",
          ),
        );
    } else if ((probe.successThreshold ?? 0) !== 1)
      into.push(invalid(`${own}.successThreshold`, probe.successThreshold ?? 0, "must be 1"));
  }
}

const counts = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
] as const;

function checkProbe(into: Findings, path: string, probe: Probe, graceS: number | undefined): void {
  checkHandler(into, path, probe, graceS);
  for (const name of counts) checkNonNegative(into, `${path}.${name}`, probe[name]);
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    into.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
}

export function checkLifecycle(
  into: Findings,
  path: string,
  lifecycle: Lifecycle | undefined,
  graceS: number | undefined,
): void {
  if (lifecycle?.postStart !== undefined)
    checkHandler(into, `${path}.postStart`, lifecycle.postStart, graceS);
  if (lifecycle?.preStop !== undefined) checkHandler(into, `${path}.preStop`, lifecycle.preStop, graceS);
}

const handlerTypes = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;

function checkHandler(into: Findings, path: string, handler: Handler, graceS: number | undefined): void {
  const [first, ...others] = handlerTypes.filter((type) => handler[type] !== undefined);
  if (first === undefined) return void into.push(required(path, "must specify a handler type"));
  checkAction(into, `${path}.${first}`, { [first]: handler[first] }, graceS);
  for (const other of others)
    into.push(forbidden(`${path}.${other}`, "may not specify more than 1 handler type"));
}

function checkAction(into: Findings, path: string, handler: Handler, graceS: number | undefined): void {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined && (exec.command?.length ?? 0) === 0) into.push(required(`${path}.command`));
  if (httpGet !== undefined) {
    checkPresent(into, `${path}.path`, httpGet.path);
    checkPort(into, `${path}.port`, httpGet.port);
    checkSupported(into, `${path}.scheme`, httpGet.scheme, ["HTTP", "HTTPS"]);
    for (const { name } of httpGet.httpHeaders ?? [])
      checkName(into, `${path}.httpHeaders`, name, headerNameComplaints);
  }
  if (tcpSocket !== undefined) checkPort(into, `${path}.port`, tcpSocket.port);
  if (grpc !== undefined) checkPort(into, `${path}.port`, grpc.port);
  if (sleep === undefined || graceS === undefined || (sleep.seconds >= 0 && sleep.seconds <= graceS)) return;
  const text = `must be non-negative and less than terminationGracePeriodSeconds (${graceS})`;
  into.push(invalid(path, sleep.seconds, text));
}

/** A number or the name of one. */
export function checkPort(into: Findings, path: string, port: number | string | undefined): void {
  const complaints = typeof port === "string" ? portNameComplaints(port) : portComplaints(port ?? 0);
  for (const text of complaints) into.push(invalid(path, port ?? 0, text));
}
