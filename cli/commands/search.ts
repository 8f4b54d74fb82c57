import type { SearchResult } from "#client/image-calls.ts";
import { readAuth, registryOf } from "../config/registry-auth.ts";
import { defineCommand } from "../context.ts";
import { bool, number, text } from "../flags.ts";
import { type Columns, formatItems } from "../formats/formatter.ts";
import { ellipsis } from "../formats/text.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";

export const search = defineCommand({
  usage: "[OPTIONS] TERM",
  about: "Searches Docker Hub.",
  flags: {
    filter: filterFlag(undefined, "f"),
    format: text("string", "A Go template"),
    limit: number("int", "Most results"),
    "no-trunc": bool("Show descriptions in full"),
  },
  operands: [1, 1],
  examples: [["gantry search --filter is-official=true busybox", "official ones"]],
  async run(context, values, [term = ""]) {
    const auth = await readAuth(context.config(), registryOf(term));
    const options = { limit: values.limit, filters: parseFilterSpecs(values.filter) };
    const found = await context.engine().searchImages(term, options, auth, context.signal);
    context.out.write(
      formatItems(found, columns(values["no-trunc"]), {
        format: values.format ?? "table",
        table: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
        typeName: "*search.searchContext",
      }),
    );
    return 0;
  },
});

function columns(isFull: boolean): Columns<SearchResult> {
  return {
    Name: ["NAME", ({ name }) => name],
    Description: [
      "DESCRIPTION",
      ({ description }) => {
        const line = description.replaceAll(/[\r\n]/g, " ");
        return isFull ? line : ellipsis(line, 45);
      },
    ],
    StarCount: ["STARS", ({ star_count }) => String(star_count)],
    IsOfficial: ["OFFICIAL", ({ is_official }) => (is_official ? "[OK]" : "")],
  };
}
