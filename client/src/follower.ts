import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { Cursor, type StorageLike } from "./cursor.js";
import type { Catchup, ClientToServerEvents, EventName, Handler, PayloadOf, Payloads, ServerToClientEvents, Verdict } from "./events.js";
import { RecentIds } from "./recent_ids.js";

export interface FollowOptions {
  /**
   * A program has to be loaded again: `gap`, `reset` or `joined`; or dropped: `left`. Without `onEverything` it is
   * called for each program of a first visit too.
   */
  onProgram?: (programId: string, verdict: Exclude<Verdict, "recovered">) => void;
  /**
   * Everything has to be loaded: at the first connection without a cursor, when the programs are too many for the
   * server to name them or it cannot name those that ended, and when it does not say what was missed. From this call
   * on events arrive, so load now.
   */
  onEverything?: () => void;
  /** Where the cursor outlives the page; without one it does not. */
  storage?: StorageLike;
  /** The cursor's key in `storage`; one for each user that shares it. Default `crier:cursor`. */
  key?: string;
  /** How many ids are remembered to drop repeats. Default 5,000. */
  remember?: number;
  /** For how many milliseconds to await the server's verdicts before everything counts as missed. Default 5,000. */
  verdictsWithin?: number;
}

export interface ConnectOptions extends FollowOptions {
  /** The token, or a function that is asked before each connection. If that fails the client tries again later. */
  token: string | (() => string | Promise<string>);
  /** Options of socket.io-client, but for `auth`. */
  io?: Omit<Partial<ManagerOptions & SocketOptions>, "auth">;
}

type Auth = { [member: string]: unknown };
type GiveAuth = (auth: Auth) => void;
type AnyHandler = Handler<any, any>;

/** Hands the events of a gateway to handlers, each once, and tells what has to be loaded again. */
export class Follower<P extends Payloads = {}> {
  readonly socket: Socket<ServerToClientEvents<P>, ClientToServerEvents>;
  readonly #plain: Socket;
  readonly #options: FollowOptions;
  readonly #handlers = new Map<string, Set<AnyHandler>>();
  readonly #handled: RecentIds;
  readonly #cursor: Cursor;
  // No CONNECT of this page yet: afterwards socket.io-client has a cursor of its own.
  #fresh = true;
  // The application has loaded nothing yet: it was never told anything.
  #first = false;
  // The application has not been told yet what this connection may have missed.
  #owed = false;
  #deadline: ReturnType<typeof setTimeout> | undefined;

  /** `socket` may be connected or not. It stays the caller's; `stop()` lets go of it. */
  constructor(socket: Socket<any, any>, options: FollowOptions = {}) {
    this.socket = socket;
    this.#plain = socket;
    this.#options = options;
    this.#handled = new RecentIds(options.remember ?? 5000);
    this.#cursor = new Cursor(options.storage, options.key ?? "crier:cursor");
    this.#completeAuth();
    socket.on("connect", this.#connected);
    socket.on("disconnect", this.#disconnected);
    socket.onAny(this.#received);
    if (socket.connected) {
      this.#fresh = false;
      queueMicrotask(this.#everything);
    }
  }

  /** Adds a handler; the result removes it. One that throws leaves the event unhandled: it is passed on if it comes again. */
  on<Name extends EventName>(event: Name, handler: Handler<Name, PayloadOf<P, Name>>): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers);
    handlers.add(handler as AnyHandler);
    return () => void handlers.delete(handler as AnyHandler);
  }

  /** Up to where everything was handled: an event's id, or the position that came with `catchup`. */
  get cursor(): string | undefined {
    return this.#cursor.id;
  }

  /** Forgets the cursor and all ids: for another user on the same page. */
  forget(): void {
    this.#cursor.clear();
    this.#handled.clear();
  }

  /** Ends what this object does; the socket goes on. */
  stop(): void {
    clearTimeout(this.#deadline);
    this.#plain.off("connect", this.#connected);
    this.#plain.off("disconnect", this.#disconnected);
    this.#plain.offAny(this.#received);
    this.#fresh = false;
  }

  #completeAuth(): void {
    const given: unknown = this.#plain.auth;
    if (typeof given === "function") {
      this.#plain.auth = (give: GiveAuth) =>
        given((auth: Auth) => give(this.#kept === undefined ? auth : { ...auth, lastEventId: this.#kept }));
      return;
    }
    // A property of the caller's own object, so that `socket.auth.token = …` keeps its meaning.
    const auth = (given ?? {}) as Auth;
    Object.defineProperty(auth, "lastEventId", { get: () => this.#kept, enumerable: true, configurable: true });
    this.#plain.auth = auth;
  }

  /** The cursor of an earlier page. */
  get #kept(): string | undefined {
    return this.#fresh ? this.#cursor.id : undefined;
  }

  readonly #connected = (): void => {
    this.#first ||= this.#fresh && this.#cursor.id === undefined;
    this.#fresh = false;
    if (this.#plain.recovered) {
      // A server that is older than `catchup` at every connection repeats no verdicts.
      if (this.#owed) this.#everything();
      return;
    }
    this.#owed = true;
    this.#deadline = setTimeout(this.#everything, this.#options.verdictsWithin ?? 5000);
  };

  // What is owed stays owed: the server repeats its verdicts until they were heard.
  readonly #disconnected = (): void => clearTimeout(this.#deadline);

  readonly #everything = (): void => {
    clearTimeout(this.#deadline);
    this.#options.onEverything?.();
    this.#settle();
  };

  readonly #received = (event: string, ...args: unknown[]): void => {
    if (event === "catchup") {
      this.#caughtUp(args[0] as Catchup, args[1]);
      return;
    }
    const last = args.at(-1);
    const id = typeof last === "string" ? last : undefined;
    if (id !== undefined && this.#handled.has(id)) return;
    const handlers = [...(this.#handlers.get(event) ?? [])];
    callAll(handlers.map((handler) => () => handler(args[0] as never, id)));
    if (id === undefined) return;
    this.#handled.add(id);
    this.#cursor.move(id, !this.#owed);
  };

  // Whoever throws is told again: neither this object nor socket.io-client moves its cursor then.
  #caughtUp(notice: Catchup, position: unknown): void {
    clearTimeout(this.#deadline);
    callAll(this.#callsFor(notice));
    if (typeof position === "string") this.#cursor.move(position, false);
    this.#settle();
  }

  #callsFor({ programs, others = "recovered", changed = false }: Catchup): (() => void)[] {
    const { onProgram, onEverything } = this.#options;
    const verdicts = Object.entries(programs);
    const calls: (() => void)[] = [];
    const everything = onEverything && (this.#first || changed || others !== "recovered");
    for (const [program, verdict] of verdicts) {
      if (verdict === "recovered" || (everything && verdict !== "left")) continue;
      calls.push(() => onProgram?.(program, verdict));
    }
    if (everything) calls.push(onEverything);
    return calls;
  }

  // Only now may another page begin behind what was just received.
  #settle(): void {
    this.#owed = false;
    this.#first = false;
    this.#cursor.save();
  }
}

/** Calls them all, and throws what the first that failed threw. */
function callAll(calls: (() => void)[]): void {
  const errors: unknown[] = [];
  for (const call of calls) {
    try {
      call();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** Follows a gateway: at `url`, with a socket of its own, or with `socket`, whose `auth` has the token. */
export function follow<P extends Payloads = {}>(url: string, options: ConnectOptions): Follower<P>;
export function follow<P extends Payloads = {}>(socket: Socket<any, any>, options?: FollowOptions): Follower<P>;
export function follow<P extends Payloads = {}>(target: string | Socket<any, any>, options: FollowOptions = {}): Follower<P> {
  if (typeof target !== "string") return new Follower<P>(target, options);
  const { token, io: ioOptions } = options as ConnectOptions;
  const socket = io(target, { ...ioOptions, autoConnect: false });
  socket.auth = (give) => {
    const { engine } = socket.io;
    Promise.resolve(typeof token === "function" ? call(token) : token).then(
      (value) => {
        // The connection that asked may be gone; the next one asks for itself.
        if (socket.io.engine === engine) give({ token: value });
      },
      // Without an answer the server would wait; so the connection ends, and the client comes back later.
      () => engine.close(),
    );
  };
  const follower = new Follower<P>(socket, options);
  if (ioOptions?.autoConnect !== false) socket.connect();
  return follower;
}

async function call(token: () => string | Promise<string>): Promise<string> {
  return token();
}
