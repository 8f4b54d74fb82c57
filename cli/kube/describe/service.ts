import type { Service } from "#api/kube/types/core.ts";
import type { EndpointSlice } from "#api/kube/types/discovery.ts";
import { labelsText } from "../print/table.ts";
import type { Description } from "./description.ts";

const mostEndpoints = 3;

export function describeService(
  to: Description,
  { metadata, spec, status }: Service,
  slices: readonly EndpointSlice[],
): void {
  to.name(metadata);
  to.meta(metadata);
  to.line(0, "Selector:", labelsText(spec?.selector));
  to.line(0, "Type:", spec?.type);
  if (spec?.ipFamilyPolicy !== undefined) to.line(0, "IP Family Policy:", spec.ipFamilyPolicy);
  to.line(0, "IP Families:", listText(spec?.ipFamilies));
  to.line(0, "IP:", spec?.clusterIP ?? "");
  to.line(0, "IPs:", listText(spec?.clusterIPs));
  if ((spec?.externalIPs ?? []).length > 0) to.line(0, "External IPs:", listText(spec?.externalIPs));
  if ((spec?.loadBalancerIP ?? "") !== "") to.line(0, "Desired LoadBalancer IP:", spec?.loadBalancerIP);
  if ((spec?.externalName ?? "") !== "") to.line(0, "External Name:", spec?.externalName);
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (ingress.length > 0)
    to.line(
      0,
      "LoadBalancer Ingress:",
      ingress
        .map(({ ip, hostname, ipMode }) =>
          ip === undefined ? hostname : `${ip}${ipMode === undefined ? "" : ` (${ipMode})`}`,
        )
        .join(", "),
    );
  describePorts(to, spec, slices);
  to.line(0, "Session Affinity:", spec?.sessionAffinity);
  if ((spec?.externalTrafficPolicy ?? "") !== "")
    to.line(0, "External Traffic Policy:", spec?.externalTrafficPolicy);
  if (spec?.internalTrafficPolicy !== undefined)
    to.line(0, "Internal Traffic Policy:", spec.internalTrafficPolicy);
  if ((spec?.healthCheckNodePort ?? 0) !== 0) to.line(0, "HealthCheck NodePort:", spec?.healthCheckNodePort);
  const ranges = spec?.loadBalancerSourceRanges ?? [];
  if (ranges.length > 0) to.line(0, "LoadBalancer Source Ranges:", ranges.join(","));
  if (spec?.trafficDistribution !== undefined) to.line(0, "Traffic Distribution:", spec.trafficDistribution);
}

function listText(texts: readonly string[] | undefined): string {
  return texts === undefined || texts.length === 0 ? "<none>" : texts.join(",");
}

function describePorts(to: Description, spec: Service["spec"], slices: readonly EndpointSlice[]): void {
  for (const { name, port, protocol, targetPort, nodePort = 0, appProtocol } of spec?.ports ?? []) {
    const shown = name ?? "<unset>";
    to.line(0, "Port:", shown, `${port}/${protocol}`);
    to.line(0, "TargetPort:", `${targetPort}/${protocol}`);
    if (appProtocol !== undefined) to.line(0, "AppProtocol:", appProtocol);
    if (nodePort !== 0) to.line(0, "NodePort:", shown, `${nodePort}/${protocol}`);
    to.line(0, "Endpoints:", endpointsText(slices, name ?? ""));
  }
}

function endpointsText(slices: readonly EndpointSlice[], port: string): string {
  if (slices.length === 0) return "<none>";
  const all = slices.flatMap(({ ports = [], endpoints = [] }) => {
    const ready = endpoints
      .filter(({ conditions }) => conditions?.ready !== false)
      .map(({ addresses }) => addresses[0] ?? "");
    if (ports.length === 0) return ready;
    const numbers = ports.filter(({ name = "" }) => name === port).map((one) => one.port ?? 0);
    return numbers.flatMap((number) =>
      ready.map((address) => `${address.includes(":") ? `[${address}]` : address}:${number}`),
    );
  });
  const more = all.length - mostEndpoints;
  return `${all.slice(0, mostEndpoints).join(",")}${more > 0 ? ` + ${more} more...` : ""}`;
}
