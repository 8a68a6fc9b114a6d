/** `sessionStorage`, `localStorage`, or anything that behaves like them. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * The id of the last event that was handled, kept in a storage if there is one. A storage that fails (it is full,
 * or forbidden) costs the cursor of the next page, nothing else.
 */
export class Cursor {
  #id: string | undefined;
  readonly #storage: StorageLike | undefined;
  readonly #key: string;

  constructor(storage: StorageLike | undefined, key: string) {
    this.#storage = storage;
    this.#key = key;
    this.#id = this.#tried((kept) => kept.getItem(key)) ?? undefined;
  }

  get id(): string | undefined {
    return this.#id;
  }

  /** `keep` false: the storage stays where it is until `save()`. */
  move(id: string, keep: boolean): void {
    this.#id = id;
    if (keep) this.save();
  }

  save(): void {
    const id = this.#id;
    if (id !== undefined) this.#tried((kept) => kept.setItem(this.#key, id));
  }

  clear(): void {
    this.#id = undefined;
    this.#tried((kept) => kept.removeItem(this.#key));
  }

  #tried<Value>(use: (storage: StorageLike) => Value): Value | undefined {
    try {
      return this.#storage && use(this.#storage);
    } catch {
      return undefined;
    }
  }
}
