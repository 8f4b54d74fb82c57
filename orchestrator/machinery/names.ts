/**
 * What is wrong with names and labels, in the words of the API; empty when nothing is.
 *
 * @see RFC 1123 section 2.1, RFC 1035 section 2.3.1; Kubernetes, "Object Names and IDs", "Labels and Selectors"
 */
type Complaints = readonly string[];

const label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const subdomain = `${label}(\\.${label})*`;
const label1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const labelKey = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const configKey = "[-._a-zA-Z0-9]+";
const headerName = "[-A-Za-z0-9]+";

/** Of `name.example.com`, at most 253 bytes. */
export function subdomainComplaints(name: string): Complaints {
  return [
    ...tooLongBy(name, 253),
    ...pattern(
      name,
      subdomain,
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      ["example.com"],
    ),
  ];
}

/** Of a label of DNS, at most 63 bytes. */
export function labelComplaints(name: string): Complaints {
  const long = tooLongBy(name, 63);
  if (!matches(label, name) && matches(subdomain, name)) return [...long, "must not contain dots"];
  return [
    ...long,
    ...pattern(
      name,
      label,
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
      ["my-name", "123-abc"],
    ),
  ];
}

/** Of a label that begins with a letter, e.g. a service's name. */
export function label1035Complaints(name: string): Complaints {
  return [
    ...tooLongBy(name, 63),
    ...pattern(
      name,
      label1035,
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      ["my-name", "abc-123"],
    ),
  ];
}

export function wildcardSubdomainComplaints(name: string): Complaints {
  return [
    ...tooLongBy(name, 253),
    ...pattern(
      name,
      `\\*\\.${subdomain}`,
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
      ["*.example.com"],
    ),
  ];
}

/** Of a name that must stand between two slashes of a URL. */
export function pathSegmentComplaints(name: string): Complaints {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return pathSegmentPrefixComplaints(name);
}

function pathSegmentPrefixComplaints(name: string): Complaints {
  return ["/", "%"].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Of the key of a label, an annotation (in lower case), a finalizer, a resource: `example.com/name`. */
export function qualifiedNameComplaints(name: string): Complaints {
  const parts = name.split("/");
  const said =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const examples = ["MyName", "my.name", "123-abc"];
  if (parts.length > 2)
    return [
      `a valid label key ${worded(said, labelKey, examples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const own = parts.at(-1) ?? "";
  return [
    ...(parts.length === 2 ? prefixComplaints(parts[0] ?? "") : []),
    ...(own === "" ? ["name part must be non-empty"] : []),
    ...(bytes(own) > 63 ? ["name part must be no more than 63 bytes"] : []),
    ...pattern(own, labelKey, `name part ${said}`, examples),
  ];
}

function prefixComplaints(prefix: string): Complaints {
  if (prefix === "") return ["prefix part must be non-empty"];
  return subdomainComplaints(prefix).map((text) => `prefix part ${text}`);
}

export function labelValueComplaints(value: string): Complaints {
  return [
    ...(bytes(value) > 63 ? ["must be no more than 63 bytes"] : []),
    ...pattern(
      value,
      `(${labelKey})?`,
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      ["MyValue", "my_value", "12345"],
    ),
  ];
}

/** Of a key in a ConfigMap or a Secret. */
export function configKeyComplaints(key: string): Complaints {
  return [
    ...tooLongBy(key, 253),
    ...pattern(
      key,
      configKey,
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      ["key.name", "KEY_NAME", "key-name"],
    ),
    ...parentComplaints(key),
  ];
}

/** What is asked of names of environment variables since 1.34. */
export function relaxedEnvNameComplaints(name: string): Complaints {
  if (name === "") return ["environment variable name must be non-empty"];
  return /^[ -<>-~]*$/.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

export function headerNameComplaints(name: string): Complaints {
  return pattern(name, headerName, "a valid HTTP header must consist of alphanumeric characters or '-'", [
    "X-Header-Name",
  ]);
}

/** Of a port's name, as IANA has them. @see RFC 6335 section 5.1 */
export function portNameComplaints(name: string): Complaints {
  return [
    ...tooLongBy(name, 15),
    ...(/^[-a-z0-9]+$/.test(name)
      ? []
      : ["must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"]),
    ...(/[a-z]/.test(name) ? [] : ["must contain at least one letter (a-z)"]),
    ...(name.includes("--") ? ["must not contain consecutive hyphens"] : []),
    ...(/^-|-$/.test(name) ? ["must not begin or end with a hyphen"] : []),
  ];
}

export function portComplaints(port: number): Complaints {
  return rangeComplaints(port, 1, 65535);
}

export function rangeComplaints(value: number, from: number, to: number): Complaints {
  return value >= from && value <= to ? [] : [`must be between ${from} and ${to}, inclusive`];
}

export function percentComplaints(text: string): Complaints {
  return pattern(
    text,
    "[0-9]+%",
    "a valid percent string must be a numeric string followed by an ending '%'",
    ["1%", "93%"],
  );
}

export type NameRule = "dns-subdomain" | "dns-label" | "dns-label-1035" | "path-segment";

/** Of an object's name, or of what a name will be generated from. */
export function nameComplaints(rule: NameRule, name: string, isPrefix = false): Complaints {
  if (rule === "path-segment")
    return isPrefix ? pathSegmentPrefixComplaints(name) : pathSegmentComplaints(name);
  const shown = isPrefix && name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
  if (rule === "dns-label") return labelComplaints(shown);
  return rule === "dns-label-1035" ? label1035Complaints(shown) : subdomainComplaints(shown);
}

function tooLongBy(text: string, most: number): Complaints {
  return bytes(text) > most ? [`must be no more than ${most} characters`] : [];
}

function parentComplaints(name: string): Complaints {
  if (name === "." || name === "..") return [`must not be '${name}'`];
  return name.startsWith("..") ? ["must not start with '..'"] : [];
}

function pattern(text: string, source: string, said: string, examples: readonly string[]): Complaints {
  return matches(source, text) ? [] : [worded(said, source, examples)];
}

function worded(said: string, source: string, examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(" or ");
  return `${said} (e.g. ${shown}regex used for validation is '${source}')`;
}

const compiled = new Map<string, RegExp>();

/** Expressions of labels take time that grows with the square of a name: what is too long by far has been told so already. */
function matches(source: string, text: string): boolean {
  if (text.length > 4096 && source.includes("*[")) return true;
  let expression = compiled.get(source);
  if (expression === undefined) compiled.set(source, (expression = new RegExp(`^${source}$`)));
  return expression.test(text);
}

/** In UTF-8. */
export function bytes(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) count += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return count;
}
