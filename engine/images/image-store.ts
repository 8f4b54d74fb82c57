import type { Descriptor } from "#oci/descriptor.ts";
import { type Digest, parseDigest } from "#oci/digest.ts";
import { familiarReference, formatReference, parseReference, type Reference } from "#oci/reference.ts";
import type { Database } from "#host/sqlite/database.ts";
import type { Item } from "#engine/gc/leases.ts";
import type { ImageRecord } from "./images.ts";

/** What the database keeps of an image; its names are rows of their own. */
export type StoredImage = Omit<ImageRecord, "repoTags" | "repoDigests">;

export interface ImageName {
  readonly reference: Reference;
  readonly imageId: Digest;
  /** Of the manifest or index that the name stands for. */
  readonly target: Digest;
}

/** What belongs to an image without being part of it; it goes with the image. */
export interface StoredArtifact {
  /** `index`: one that lists `subject`. `signature`: a manifest whose layers are signatures of `subject`. */
  readonly kind: "index" | "signature";
  /** Of the index or of the artifact's manifest. */
  readonly descriptor: Descriptor;
  readonly subject: Digest;
  /** What the manifest names. */
  readonly blobs: readonly Digest[];
}

/** What was found to be altered on disk of an image. */
export interface ImageDamage {
  readonly imageId: Digest;
  /** RFC 3339. */
  readonly foundAt: string;
  readonly problems: readonly string[];
}

/** A change that is applied as a whole or not at all. Images are put before names are, names are deleted before images are. */
export interface ImageChange {
  readonly images?: readonly StoredImage[];
  readonly names?: readonly ImageName[];
  readonly deletedNames?: readonly Reference[];
  readonly deletedImages?: readonly Digest[];
  /** Those that belong to no image are left out. */
  readonly artifacts?: readonly StoredArtifact[];
}

/**
 * Image records and names: rows in the database, mirrored in maps that answer every read. Changes are made one at a time by
 * those who hold the images' lock.
 *
 * @see docs/formats/images.md
 */
export class ImageStore {
  readonly #db: Database;
  readonly #images = new Map<Digest, StoredImage>();
  readonly #names = new Map<string, ImageName>();
  readonly #namesOf = new Map<Digest, Map<string, ImageName>>();
  readonly #records = new Map<Digest, ImageRecord>();
  /** By `digest subject`. */
  readonly #artifacts = new Map<string, StoredArtifact>();
  readonly #damage = new Map<string, ImageDamage>();

  constructor(db: Database) {
    this.#db = db;
    for (const { record } of db.sql.prepare("SELECT record FROM images").all())
      this.#keepImage(JSON.parse(String(record)) as StoredImage);
    for (const row of db.sql.prepare("SELECT name, image_id, target FROM image_names").all())
      this.#keepName({
        reference: parseReference(String(row["name"])),
        imageId: parseDigest(String(row["image_id"])),
        target: parseDigest(String(row["target"])),
      });
    for (const { record } of db.sql.prepare("SELECT record FROM image_artifacts").all())
      this.#keepArtifact(JSON.parse(String(record)) as StoredArtifact);
    for (const { record } of db.sql.prepare("SELECT record FROM image_damage").all()) {
      const damage = JSON.parse(String(record)) as ImageDamage;
      this.#damage.set(damage.imageId, damage);
    }
  }

  /** In no order. */
  list(): readonly ImageRecord[] {
    return Array.from(this.#images.keys(), (id) => this.#recordOf(id));
  }

  ids(): IterableIterator<Digest> {
    return this.#images.keys();
  }

  findById(id: Digest): ImageRecord | undefined {
    return this.#images.has(id) ? this.#recordOf(id) : undefined;
  }

  /** By exactly this reference. */
  findName(reference: Reference): ImageName | undefined {
    return this.#names.get(formatReference(reference));
  }

  /** Sorted by their text. */
  namesOf(id: Digest): readonly ImageName[] {
    const names = this.#namesOf.get(id);
    if (names === undefined) return [];
    return Array.from(names.entries())
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, name]) => name);
  }

  names(): IterableIterator<ImageName> {
    return this.#names.values();
  }

  /** What is about the manifest or index itself, in no order. */
  artifactsOf(subject: Digest): readonly StoredArtifact[] {
    if (this.#artifacts.size === 0) return [];
    return Array.from(this.#artifacts.values()).filter((artifact) => artifact.subject === subject);
  }

  /** Undefined for an image that nothing was found to be wrong with. */
  damageOf(id: string): ImageDamage | undefined {
    return this.#damage.get(id);
  }

  /** Durable when it resolves; undefined takes a mark away. */
  async markDamage(id: Digest, damage: ImageDamage | undefined): Promise<void> {
    if (damage === undefined && !this.#damage.has(id)) return;
    await this.#db.write(() => {
      const { sql } = this.#db;
      if (damage === undefined) sql.prepare("DELETE FROM image_damage WHERE image_id = ?").run(id);
      else
        sql
          .prepare("INSERT OR REPLACE INTO image_damage (image_id, record) VALUES (?, ?)")
          .run(id, JSON.stringify(damage));
    });
    if (damage === undefined) this.#damage.delete(id);
    else this.#damage.set(id, damage);
  }

  /** Durable and visible when it resolves. */
  async apply(change: ImageChange): Promise<void> {
    const artifacts = this.#planArtifacts(change);
    await this.#db.write(() => {
      this.#write(change);
      this.#writeArtifacts(change, artifacts);
    });
    for (const reference of change.deletedNames ?? []) this.#dropName(reference);
    for (const id of change.deletedImages ?? []) this.#images.delete(id);
    for (const image of change.images ?? [])
      this.#keepImage(JSON.parse(JSON.stringify(image)) as StoredImage); // as the next start will read it
    for (const name of change.names ?? []) {
      this.#dropName(name.reference);
      this.#keepName(name);
    }
    for (const artifact of artifacts.added) this.#keepArtifact(artifact);
    for (const artifact of artifacts.removed) this.#artifacts.delete(artifactKey(artifact));
    for (const id of change.deletedImages ?? []) this.#damage.delete(id);
    this.#records.clear();
  }

  /** Whether an image has this blob as the layer with that diff ID: then it has been verified. */
  hasLayer(blob: Digest, diffId: Digest): boolean {
    for (const { layers, config } of this.#images.values())
      if (layers.some(({ digest }, index) => digest === blob && config.rootfs.diff_ids[index] === diffId))
        return true;
    return false;
  }

  /** Everything that garbage collection must keep for the images' sake. */
  *roots(): Generator<Item> {
    for (const { id, manifest, layers, chainIds } of this.#images.values()) {
      yield { kind: "blob", ref: id };
      yield { kind: "blob", ref: manifest };
      for (const { digest } of layers) yield { kind: "blob", ref: digest };
      for (const ref of chainIds) yield { kind: "snapshot", ref };
    }
    for (const { target } of this.#names.values()) yield { kind: "blob", ref: target };
    for (const { descriptor, blobs } of this.#artifacts.values()) {
      yield { kind: "blob", ref: descriptor.digest };
      for (const ref of blobs) yield { kind: "blob", ref };
    }
  }

  /** What the change means for artifacts: those of images that go go with them. */
  #planArtifacts({ images = [], deletedImages = [], artifacts = [] }: ImageChange): ArtifactChange {
    if (artifacts.length === 0 && (deletedImages.length === 0 || this.#artifacts.size === 0))
      return { added: [], removed: [] };
    const gone = new Set(deletedImages);
    const alive = new Set<Digest>(images.map(({ manifest }) => manifest));
    for (const { id, manifest } of this.#images.values()) if (!gone.has(id)) alive.add(manifest);
    for (const { target, imageId } of this.#names.values()) if (!gone.has(imageId)) alive.add(target);
    const all = [...this.#artifacts.values(), ...artifacts];
    for (let before = -1; before !== alive.size; ) {
      before = alive.size;
      for (const { kind, subject, descriptor } of all)
        if (kind === "index" && alive.has(subject)) alive.add(descriptor.digest);
    }
    return {
      added: artifacts.filter(({ subject }) => alive.has(subject)),
      removed: Array.from(this.#artifacts.values()).filter(({ subject }) => !alive.has(subject)),
    };
  }

  #writeArtifacts({ deletedImages = [] }: ImageChange, { added, removed }: ArtifactChange): void {
    const { sql } = this.#db;
    for (const { descriptor, subject } of removed)
      sql
        .prepare("DELETE FROM image_artifacts WHERE digest = ? AND subject = ?")
        .run(descriptor.digest, subject);
    for (const artifact of added)
      sql
        .prepare("INSERT OR REPLACE INTO image_artifacts (digest, subject, record) VALUES (?, ?, ?)")
        .run(artifact.descriptor.digest, artifact.subject, JSON.stringify(artifact));
    for (const id of deletedImages)
      for (const table of ["image_damage", "image_looks"])
        sql.prepare(`DELETE FROM ${table} WHERE image_id = ?`).run(id);
  }

  #keepArtifact(artifact: StoredArtifact): void {
    this.#artifacts.set(artifactKey(artifact), artifact);
  }

  #write(change: ImageChange): void {
    const { sql } = this.#db;
    for (const reference of change.deletedNames ?? [])
      sql.prepare("DELETE FROM image_names WHERE name = ?").run(formatReference(reference));
    for (const id of change.deletedImages ?? []) sql.prepare("DELETE FROM images WHERE id = ?").run(id);
    for (const image of change.images ?? [])
      sql
        .prepare("INSERT OR REPLACE INTO images (id, record) VALUES (?, ?)")
        .run(image.id, JSON.stringify(image));
    for (const { reference, imageId, target } of change.names ?? [])
      sql
        .prepare("INSERT OR REPLACE INTO image_names (name, image_id, target) VALUES (?, ?, ?)")
        .run(formatReference(reference), imageId, target);
  }

  #keepImage(image: StoredImage): void {
    this.#images.set(image.id, image);
  }

  #keepName(name: ImageName): void {
    const key = formatReference(name.reference);
    this.#names.set(key, name);
    const names = this.#namesOf.get(name.imageId) ?? new Map<string, ImageName>();
    this.#namesOf.set(name.imageId, names.set(key, name));
  }

  #dropName(reference: Reference): void {
    const key = formatReference(reference);
    const name = this.#names.get(key);
    if (name === undefined) return;
    this.#names.delete(key);
    const names = this.#namesOf.get(name.imageId);
    names?.delete(key);
    if (names?.size === 0) this.#namesOf.delete(name.imageId);
  }

  #recordOf(id: Digest): ImageRecord {
    const known = this.#records.get(id);
    if (known !== undefined) return known;
    const image = this.#images.get(id) as StoredImage;
    const references = this.namesOf(id).map(({ reference }) => reference);
    const record: ImageRecord = {
      ...image,
      repoTags: references.filter(({ digest }) => digest === undefined).map(familiarReference),
      repoDigests: references.filter(({ digest }) => digest !== undefined).map(familiarReference),
    };
    this.#records.set(id, record);
    return record;
  }
}

interface ArtifactChange {
  readonly added: readonly StoredArtifact[];
  readonly removed: readonly StoredArtifact[];
}

function artifactKey({ descriptor, subject }: StoredArtifact): string {
  return `${descriptor.digest} ${subject}`;
}
