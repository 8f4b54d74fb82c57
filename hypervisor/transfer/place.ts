/** A folder somewhere, with the definition of a machine and the images of its disks. */
export interface Place {
  /**
   * Copies one of its files into a new local one. Whoever writes to the place meanwhile does not write to the copy.
   *
   * @param limitBytes no more is taken
   * @throws {Fault} `not-found`; `invalid` for a larger file; `forbidden`; `remote` when the place does not answer;
   * `exhausted` when the local disk is full
   */
  fetch(name: string, to: string, limitBytes: number, signal: AbortSignal): Promise<void>;
  /** Where a file is best written that is to be stored under that name: `elsewhere` says where any file can be. */
  preparationFile(name: string, elsewhere: () => string): Promise<string>;
  /**
   * Takes a local file, written where {@link preparationFile} said, over one of that name. Others see all of it or nothing of it, where the place can do so.
   *
   * @throws {Fault} `forbidden`; `remote`; `exhausted` when the place is full
   */
  store(from: string, name: string, signal: AbortSignal): Promise<void>;
  /** Removes a file of that name, if the place can and there is one. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}
