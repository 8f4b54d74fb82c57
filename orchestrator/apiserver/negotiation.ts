import { failure } from "#api/kube/status.ts";

export type Format = "json" | "yaml" | "protobuf";

/** How an answer is to be written. @see Kubernetes API 1.36, API concepts: alternate representations */
export interface Accepted {
  readonly format: Format;
  /** What objects are turned into. */
  readonly as?: {
    readonly kind: string;
    readonly group: string;
    readonly version: string;
  };
  readonly isPretty: boolean;
}

export const mediaTypes = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf",
} as const satisfies Record<Format, string>;

const formatOf: Readonly<Record<string, Format>> = {
  "application/json": "json",
  "application/*": "json",
  "*/*": "json",
  "application/yaml": "yaml",
  "application/vnd.kubernetes.protobuf": "protobuf",
};

interface Range {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** What a client takes, best first. */
export function parseAccept(header: string): readonly Range[] {
  return header
    .split(",")
    .map((part) => {
      const [type = "", ...rest] = part.split(";").map((piece) => piece.trim());
      const parameters: Record<string, string> = {};
      for (const one of rest) {
        const equals = one.indexOf("=");
        if (equals > 0) parameters[one.slice(0, equals).toLowerCase()] = one.slice(equals + 1);
      }
      return { type: type.toLowerCase(), parameters, quality: Number(parameters["q"] ?? 1) };
    })
    .filter(({ type }) => type !== "")
    .sort((a, b) => b.quality - a.quality);
}

/**
 * The first of what a client takes that can be given.
 *
 * @param kinds what objects can be turned into, as `Table.v1.meta.k8s.io`
 * @throws {StatusError} `NotAcceptable`
 */
export function negotiate(
  header: string | undefined,
  { formats, kinds }: { readonly formats: readonly Format[]; readonly kinds: readonly string[] },
): Accepted {
  if (header === undefined || header === "") return { format: "json", isPretty: false };
  for (const { type, parameters } of parseAccept(header)) {
    const format = formatOf[type];
    if (format === undefined || !formats.includes(format)) continue;
    const isPretty = parameters["pretty"] === "1" || parameters["pretty"] === "true";
    const { as: kind, g: group = "", v: version = "" } = parameters;
    if (kind === undefined) return { format, isPretty };
    if (kinds.includes(`${kind}.${version}.${group}`))
      return { format, isPretty, as: { kind, group, version } };
  }
  throw notAcceptable(formats);
}

export function notAcceptable(formats: readonly Format[], isWatch = false) {
  const stream = isWatch ? ";stream=watch" : "";
  const types = formats.map((format) => mediaTypes[format] + stream).join(", ");
  return failure("NotAcceptable", `only the following media types are accepted: ${types}`);
}

/** @throws {StatusError} `UnsupportedMediaType` */
export function formatOfBody(contentType: string | undefined, formats: readonly Format[]): Format {
  const type = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const format = type === "" ? "json" : formatOf[type];
  if (format === undefined || !formats.includes(format) || type.includes("*"))
    throw failure(
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: ${formats
        .map((one) => mediaTypes[one])
        .join(", ")}`,
    );
  return format;
}
