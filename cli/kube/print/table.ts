import { timeSince } from "#orchestrator/machinery/human-duration.ts";
import type { ColumnWriter } from "./column-writer.ts";
import { goValue } from "#orchestrator/machinery/go-text.ts";
import type { KubeFields } from "../manifests.ts";

/** @see Kubernetes API, meta/v1 Table */
export interface KubeTable {
  readonly kind: "Table";
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
  readonly columnDefinitions?: readonly ColumnDefinition[];
  readonly rows?: readonly TableRow[];
}

export interface ColumnDefinition {
  readonly name: string;
  readonly format?: string;
  readonly priority?: number;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: KubeFields;
}

export interface TableOptions {
  readonly isWide: boolean;
  readonly hasHeaders: boolean;
  readonly hasNamespace: boolean;
  /** Written before names: `deployment.apps`. */
  readonly kind?: string;
  readonly labelColumns: readonly string[];
  readonly showsLabels: boolean;
}

/** Writes a server's tables of one resource; the head only where it differs from the last one. */
export class TablePrinter {
  readonly #writer: ColumnWriter;
  readonly #options: TableOptions;
  #columns: readonly ColumnDefinition[] = [];
  #hasHead = false;

  constructor(writer: ColumnWriter, options: TableOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** @param lead cells before the row's own, with their heads */
  print(
    { columnDefinitions = [], rows = [] }: KubeTable,
    lead: readonly (readonly [string, string])[] = [],
  ): void {
    if (columnDefinitions.length > 0) this.#columns = columnDefinitions;
    if (rows.length === 0) return;
    if (!this.#hasHead && this.#options.hasHeaders)
      this.#writer.add([...lead.map(([head]) => head), ...this.#head()]);
    this.#hasHead = true;
    for (const row of rows) this.#writer.add([...lead.map(([, cell]) => cell), ...this.#cells(row)]);
  }

  #head(): readonly string[] {
    const { hasNamespace, labelColumns, showsLabels } = this.#options;
    const own = this.#columns.filter((column) => this.#shows(column)).map(({ name }) => name.toUpperCase());
    const labels = labelColumns.map((label) => (label.split("/").at(-1) ?? "").toUpperCase());
    return [...(hasNamespace ? ["NAMESPACE"] : []), ...own, ...labels, ...(showsLabels ? ["LABELS"] : [])];
  }

  #cells({ cells, object }: TableRow): readonly string[] {
    const { hasNamespace, labelColumns, showsLabels, kind } = this.#options;
    const own = this.#columns.flatMap((column, at) => {
      if (!this.#shows(column)) return [];
      const text = cellText(cells[at]);
      return [kind !== undefined && column.format === "name" ? `${kind}/${text}` : text];
    });
    const labels = object?.metadata?.labels ?? {};
    return [
      ...(hasNamespace ? [object?.metadata?.namespace ?? ""] : []),
      ...own,
      ...labelColumns.map((label) => labels[label] ?? "<none>"),
      ...(showsLabels ? [labelsText(labels)] : []),
    ];
  }

  #shows({ priority = 0 }: ColumnDefinition): boolean {
    return this.#options.isWide || priority === 0;
  }
}

/** Of an object that the server has no table of. */
export function plainTable(object: KubeFields): KubeTable {
  const { name, creationTimestamp } = object.metadata ?? {};
  const columnDefinitions = [{ name: "Name", format: "name" }, { name: "Age" }];
  const age = timeSince(creationTimestamp as string | undefined, new Date());
  return { kind: "Table", columnDefinitions, rows: [{ cells: [name, age], object }] };
}

/** The first line of it, as nothing that could move a terminal's cursor. */
function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = goValue(value);
  const end = text.search(/[\f\n\r]/);
  return escapeTerminal(end < 0 ? text : `${text.slice(0, end)}...`);
}

export function escapeTerminal(text: string): string {
  return text.replaceAll("\u001b", "^[").replaceAll("\r", "\\r");
}

/** `a=b,c=d` by name, or `<none>`. */
export function labelsText(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "<none>" : pairs.sort().join(",");
}
