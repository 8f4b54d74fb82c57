/** A licence as far as its name is understood: an SPDX expression, or the words that somebody wrote. */
export type Licence =
  | { readonly kind: "expression"; readonly expression: string }
  | { readonly kind: "named"; readonly name: string };

const MAX_NAME_LENGTH = 200;

/** Identifiers that are written as they are; what is not here is passed on as a name. @see SPDX licence list 3.x */
const identifiers =
  "0BSD AFL-2.1 AFL-3.0 AGPL-1.0-only AGPL-1.0-or-later AGPL-3.0-only AGPL-3.0-or-later Apache-1.0 Apache-1.1 Apache-2.0 APSL-2.0 " +
  "Artistic-1.0 Artistic-1.0-Perl Artistic-1.0-cl8 Artistic-2.0 Beerware BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause " +
  "BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSD-3-Clause-LBNL BSD-4-Clause BSD-4-Clause-UC BSL-1.0 bzip2-1.0.6 " +
  "CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-2.0 CC-BY-SA-2.5 CC-BY-SA-3.0 CC-BY-SA-4.0 CC-PDDC CC0-1.0 " +
  "CDDL-1.0 CDDL-1.1 CECILL-2.0 CECILL-2.1 CECILL-B CECILL-C ClArtistic CPL-1.0 curl ECL-2.0 EFL-2.0 EPL-1.0 EPL-2.0 EUPL-1.1 " +
  "EUPL-1.2 FSFAP FSFUL FSFULLR FTL GFDL-1.1-only GFDL-1.1-or-later GFDL-1.2-only GFDL-1.2-or-later GFDL-1.3-only " +
  "GFDL-1.3-or-later GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG " +
  "Info-ZIP IPL-1.0 ISC Latex2e LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later " +
  "Libpng libtiff LPPL-1.3a LPPL-1.3c MirOS MIT MIT-0 MIT-CMU MIT-feh MPL-1.0 MPL-1.1 MPL-2.0 MS-PL MS-RL NCSA Net-SNMP NTP " +
  "OFL-1.0 OFL-1.1 OLDAP-2.8 OpenSSL OSL-2.1 OSL-3.0 PHP-3.0 PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 QPL-1.0 Ruby SISSL Sleepycat " +
  "SMLNJ TCL Unicode-3.0 Unicode-DFS-2015 Unicode-DFS-2016 Unicode-TOU Unlicense UPL-1.0 Vim W3C W3C-19980720 WTFPL X11 XFree86-1.1 " +
  "Xnet Zlib zlib-acknowledgement ZPL-2.0 ZPL-2.1";
const known = new Map(identifiers.split(" ").map((id) => [id.toLowerCase(), id]));

/** Spellings of Debian's copyright files, of older SPDX lists and of package metadata. */
const synonyms: Readonly<Record<string, string>> = {
  expat: "MIT",
  "mit/x": "MIT",
  "mit license": "MIT",
  "the mit license": "MIT",
  "apache license 2.0": "Apache-2.0",
  "apache license, version 2.0": "Apache-2.0",
  "apache software license": "Apache-2.0",
  "apache 2.0": "Apache-2.0",
  apache2: "Apache-2.0",
  "bsd 3-clause": "BSD-3-Clause",
  "new bsd license": "BSD-3-Clause",
  "bsd-2-clauses": "BSD-2-Clause",
  "bsd-3-clauses": "BSD-3-Clause",
  "isc license": "ISC",
  artistic: "Artistic-1.0-Perl",
  "artistic-2": "Artistic-2.0",
  "psf license": "PSF-2.0",
  psf: "PSF-2.0",
  cc0: "CC0-1.0",
  "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
  "mpl 2.0": "MPL-2.0",
  boost: "BSL-1.0",
  "boost-1.0": "BSL-1.0",
  openldap: "OLDAP-2.8",
};
const gnu = /^(a?gpl|lgpl|gfdl|fdl)-?v?(\d)(\.\d)?(?:\.0)?(\+|-or-later|-only)?$/i;
const gnuNames: Readonly<Record<string, string>> = {
  gpl: "GPL",
  agpl: "AGPL",
  lgpl: "LGPL",
  gfdl: "GFDL",
  fdl: "GFDL",
};

/** Undefined for what says nothing. Never longer than is reasonable, whatever stands there. */
export function parseLicence(text: string): Licence | undefined {
  const name = text
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, MAX_NAME_LENGTH);
  if (/^(?:|unknown|none|see license.*|dual license)$/i.test(name)) return undefined;
  const expression = identifierOf(name) ?? expressionOf(name);
  return expression === undefined ? { kind: "named", name } : { kind: "expression", expression };
}

/** Each once, in their order. */
export function parseLicences(texts: Iterable<string>, most = 100): readonly Licence[] {
  const found = new Map<string, Licence>();
  for (const text of texts) {
    const licence = parseLicence(text);
    if (licence !== undefined && found.size < most)
      found.set(licence.kind === "named" ? licence.name : licence.expression, licence);
  }
  return Array.from(found.values());
}

function identifierOf(name: string): string | undefined {
  const lower = name.toLowerCase();
  const exact = known.get(lower) ?? (Object.hasOwn(synonyms, lower) ? synonyms[lower] : undefined);
  if (exact !== undefined) return exact;
  const [, family = "", major = "", minor = ".0", later] = gnu.exec(name) ?? [];
  if (family === "") return undefined;
  const suffix = later === "+" || later === "-or-later" ? "or-later" : "only";
  return known.get(`${gnuNames[family.toLowerCase()]}-${major}${minor}-${suffix}`.toLowerCase());
}

/** An expression of known identifiers alone, with AND, OR and parentheses; GNU exceptions make it a name. */
function expressionOf(text: string): string | undefined {
  const words = text
    .replaceAll(/([()])/g, " $1 ")
    .trim()
    .split(/ +/);
  if (words.length < 3 || words.length > 60) return undefined;
  const parser = new ExpressionParser(words);
  const expression = parser.either();
  return parser.isDone ? expression : undefined;
}

class ExpressionParser {
  readonly #words: readonly string[];
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get isDone(): boolean {
    return this.#at === this.#words.length;
  }

  either(): string | undefined {
    return this.#chain("OR", () => this.#chain("AND", () => this.#one()));
  }

  #chain(operator: "OR" | "AND", next: () => string | undefined): string | undefined {
    const parts = [next()];
    while (this.#words[this.#at]?.toUpperCase() === operator) {
      this.#at++;
      parts.push(next());
    }
    return parts.includes(undefined) ? undefined : parts.join(` ${operator} `);
  }

  #one(): string | undefined {
    const word = this.#words[this.#at++] ?? "";
    if (word !== "(") return identifierOf(word);
    const inner = this.either();
    return this.#words[this.#at++] === ")" && inner !== undefined ? `(${inner})` : undefined;
  }
}
