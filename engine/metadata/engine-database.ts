import { Database } from "#host/sqlite/database.ts";
import { migrations } from "./schema.ts";

/** Opens the engine's one database. @see docs/formats/metadata.md for the schema */
export function openEngineDatabase(file: string): Database {
  return new Database(file, migrations);
}
