import { Fault } from "#base/fault.ts";

/** An element, with the name that it is written by: prefixes mean nothing here. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** What stands between its children, without space around it. */
  readonly text: string;
}

const maxDepth = 64;
const token =
  /<!--[^]*?-->|<\?[^]*?\?>|<!\[CDATA\[([^]*?)\]\]>|<\/([^\s<>/]+)\s*>|<([^\s<>/!?]+)((?:\s+[^\s=<>/]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;
const attribute = /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const entities: ReadonlyMap<string, string> = new Map(
  Object.entries({ lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" }),
);

interface Open {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/**
 * Parses a document without a type declaration, so that it can name no entities and no files.
 *
 * @throws {Fault} `invalid` for what is not well-formed
 * @see Extensible Markup Language (XML) 1.0, fifth edition
 */
export function parseXml(text: string): Element {
  const root: Open = { name: "", attributes: {}, children: [], text: "" };
  const stack = [root];
  token.lastIndex = 0;
  for (let at = text.startsWith("\uFEFF") ? 1 : 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) throw malformed(`at character ${at}`);
    take(stack, found);
  }
  const [document] = root.children;
  if (stack.length !== 1 || root.children.length !== 1 || document === undefined || root.text.trim() !== "")
    throw malformed("it is not one element");
  return document;
}

function take(stack: Open[], found: RegExpExecArray): void {
  const [, cdata, closed, opened, attributes = "", slash, text] = found;
  const top = stack.at(-1) as Open;
  if (cdata !== undefined) top.text += cdata;
  else if (text !== undefined) top.text += decoded(text);
  else if (closed !== undefined) {
    if (stack.length === 1 || top.name !== closed) throw malformed(`</${closed}> ends nothing`);
    stack.pop();
    stack.at(-1)?.children.push({ ...top, text: top.text.trim() });
  } else if (opened !== undefined) {
    const next = { name: opened, attributes: attributesOf(attributes), children: [], text: "" };
    if (slash === "/") top.children.push(next);
    else stack.push(next);
    if (stack.length > maxDepth) throw malformed("it is too deep");
  }
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  const entries = [...text.matchAll(attribute)].map(
    ([, name = "", double, single]) => [name, decoded(double ?? single ?? "")] as const,
  );
  return Object.assign(Object.create(null), Object.fromEntries(entries)) as Record<string, string>;
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{1,8}));|&/gi, (all, ten, sixteen, name) => {
    const code = ten === undefined ? Number.parseInt(String(sixteen), 16) : Number(ten);
    const known = name === undefined ? undefined : entities.get(String(name));
    if (known !== undefined) return known;
    if (name !== undefined || all === "&" || Number.isNaN(code) || code === 0 || code > 0x10_ff_ff)
      throw malformed(`there is no ${all}`);
    return String.fromCodePoint(code);
  });
}

function malformed(reason: string): Fault {
  return new Fault("invalid", `The definition is no XML: ${reason}`);
}

/** The first child of that name; with several names, that child's child, and so on. */
export function childOf(parent: Element | undefined, ...names: readonly string[]): Element | undefined {
  return names.reduce((at, name) => at?.children.find((child) => child.name === name), parent);
}

export function childrenOf(parent: Element | undefined, name: string): readonly Element[] {
  return parent?.children.filter((child) => child.name === name) ?? [];
}

/** What {@link writeXml} writes: text, or elements. */
export interface Written {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly inside: readonly (Written | string)[];
}

export function element(
  name: string,
  attributes: Written["attributes"] = {},
  ...inside: Written["inside"]
): Written {
  return { name, attributes, inside };
}

/** The document, indented by two spaces. */
export function writeXml(root: Written): string {
  return `${linesOf(root).join("\n")}\n`;
}

function linesOf({ name, attributes, inside }: Written): readonly string[] {
  const start = [
    name,
    ...Object.entries(attributes).map(([key, value]) => `${key}="${encoded(String(value))}"`),
  ];
  if (inside.length === 0) return [`<${start.join(" ")}/>`];
  const [only] = inside;
  if (inside.length === 1 && typeof only === "string")
    return [`<${start.join(" ")}>${encoded(only)}</${name}>`];
  const lines = inside.flatMap((one) => (typeof one === "string" ? [encoded(one)] : linesOf(one)));
  return [`<${start.join(" ")}>`, ...lines.map((line) => `  ${line}`), `</${name}>`];
}

/** Line ends stay what they are in attributes, and indentation cannot get into text. */
function encoded(text: string): string {
  const named: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" };
  return text
    .replaceAll(/[^\P{Cc}\t\n\r]|[\p{Cs}\ufffe\uffff]/gu, "")
    .replaceAll(/[<>&"]/g, (character) => named[character] ?? character)
    .replaceAll(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
