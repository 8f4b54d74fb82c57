import { readFileSync } from "node:fs";
import { goMapJson, goValue } from "#orchestrator/machinery/go-text.ts";
import { toKubeYaml } from "../../output/yaml-lines.ts";
import { bool, list, text, type FlagTable, type FlagValues } from "../../flags.ts";
import { objectName } from "../discovery.ts";
import { KubeFailure } from "../failure.ts";
import { itemsOf, type KubeFields } from "../manifests.ts";
import { ColumnWriter } from "./column-writer.ts";
import { jsonPathTemplate, relaxedPath } from "./json-path-template.ts";
import { escapeTerminal } from "./table.ts";

/** Flags of commands that print objects. */
export const outputFlags = {
  output: text(
    "FORMAT",
    "json, yaml, name, wide, jsonpath=TEMPLATE, jsonpath-file=FILE, jsonpath-as-json=TEMPLATE, custom-columns=SPEC, custom-columns-file=FILE",
    "o",
  ),
  "show-managed-fields": bool("Keep managedFields in json and yaml"),
} as const satisfies FlagTable;

export const listFlags = {
  ...outputFlags,
  "no-headers": bool("Leave the heads of columns out"),
  "show-labels": bool("All labels as the last column"),
  "label-columns": list("strings", "A column for each of these labels", "L"),
  "show-kind": bool("The type before each name"),
  "sort-by": text("PATH", "Sort by this field, a JSONPath"),
} as const satisfies FlagTable;

/** Prints an object, or a list of them. */
export type ObjectPrinter = (object: KubeFields) => void;

const formats =
  "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml";

/**
 * The printer of `-o`, undefined for tables.
 *
 * @throws {KubeFailure} for a format that is none
 */
export function findPrinter(
  values: FlagValues<typeof outputFlags> & { readonly "no-headers"?: boolean },
  write: (text: string) => void,
): ObjectPrinter | undefined {
  const { output = "", "show-managed-fields": keepsManaged } = values;
  const [format, argument] = splitOnce(output);
  const shown = (object: KubeFields) => (keepsManaged ? object : withoutManaged(object));
  switch (format) {
    case "":
    case "wide":
      return undefined;
    case "json":
      return (object) => write(`${goMapJson(shown(object), 4)}\n`);
    case "yaml":
      return yamlPrinter(shown, write);
    case "name":
      return namePrinter(write);
    case "jsonpath":
    case "jsonpath-file":
    case "jsonpath-as-json":
      return pathPrinter(format, argument, write);
    case "custom-columns":
    case "custom-columns-file":
      return columnsPrinter(columnsOf(format, argument), values["no-headers"] === true, write);
    default:
      throw new KubeFailure(
        `error: unable to match a printer suitable for the output format ${JSON.stringify(output)}, allowed formats are: ${formats}`,
      );
  }
}

function splitOnce(output: string): readonly [format: string, argument?: string] {
  const equals = output.indexOf("=");
  return equals < 0 ? [output] : [output.slice(0, equals), output.slice(equals + 1)];
}

function withoutManaged(object: KubeFields): KubeFields {
  const items = itemsOf(object);
  if (items !== undefined) return { ...object, items: items.map(withoutManaged) };
  if (object.metadata?.["managedFields"] === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function yamlPrinter(
  shown: (object: KubeFields) => KubeFields,
  write: (text: string) => void,
): ObjectPrinter {
  let isFirst = true;
  return (object) => {
    write(`${isFirst ? "" : "---\n"}${toKubeYaml(shown(object))}`);
    isFirst = false;
  };
}

function namePrinter(write: (text: string) => void): ObjectPrinter {
  return (object) => {
    for (const { apiVersion = "", kind = "", metadata } of itemsOf(object) ?? [object]) {
      const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
      write(`${objectName({ group, kind }, metadata?.name ?? "")}\n`);
    }
  };
}

function pathPrinter(
  format: string,
  argument: string | undefined,
  write: (text: string) => void,
): ObjectPrinter {
  if (argument === undefined || argument === "")
    throw new KubeFailure(`error: template format specified but no template given`);
  const template = format === "jsonpath-file" ? readFileSync(argument, "utf8") : argument;
  if (format !== "jsonpath-as-json") {
    const render = jsonPathTemplate(template);
    return (object) => write(render(object));
  }
  const values = relaxedPath(template);
  return (object) => write(`${goMapJson(values(object), 4)}\n`);
}

interface PrintedColumn {
  readonly head: string;
  readonly values: (object: unknown) => readonly unknown[];
}

function columnsOf(format: string, argument = ""): readonly PrintedColumn[] {
  if (format === "custom-columns-file") {
    const [heads = [], paths = []] = readFileSync(argument, "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/));
    return heads.map((head, at) => ({ head, values: relaxedPath(paths[at] ?? "") }));
  }
  if (argument === "")
    throw new KubeFailure("error: custom-columns format specified but no custom columns given");
  return argument.split(",").map((spec) => {
    const colon = spec.indexOf(":");
    if (colon < 0)
      throw new KubeFailure(
        `error: unexpected custom-columns spec: ${spec}, expected <header>:<json-path-expr>`,
      );
    return { head: spec.slice(0, colon), values: relaxedPath(spec.slice(colon + 1)) };
  });
}

function columnsPrinter(
  columns: readonly PrintedColumn[],
  hasNoHead: boolean,
  write: (text: string) => void,
): ObjectPrinter {
  const writer = new ColumnWriter(write);
  let isFirst = !hasNoHead;
  return (object) => {
    if (isFirst) writer.add(columns.map(({ head }) => head));
    isFirst = false;
    for (const one of itemsOf(object) ?? [object])
      writer.add(columns.map(({ values }) => columnText(values(one))));
    writer.flush();
  };
}

function columnText(values: readonly unknown[]): string {
  return values.length === 0 ? "<none>" : values.map((value) => escapeTerminal(goValue(value))).join(",");
}
