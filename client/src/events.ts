// The built-in catalogue of the gateway, as types.

/** The events that a gateway publishes. */
export const EVENTS = [
  "request:created",
  "request:updated",
  "request:status_changed",
  "request:assigned",
  "request:deleted",
  "comment:added",
  "comment:deleted",
  "attachment:uploaded",
  "attachment:deleted",
  "notification:created",
  "chain:step_advanced",
] as const;

export type EventName = (typeof EVENTS)[number];

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export type JsonObject = { [member: string]: JsonValue };

/**
 * The payload (`data`) of each event. The catalogue asks for an object and no more; an application says what is
 * in it with a type of its own: `follow<{ "comment:added": { text: string } }>(…)`.
 */
export type Payloads = { [Name in EventName]?: object };

export type PayloadOf<P extends Payloads, Name extends EventName> = Name extends keyof P
  ? Exclude<P[Name], undefined>
  : JsonObject;

/** What arrives with every event. */
export interface Envelope<Name extends EventName = EventName, Data = JsonObject> {
  event: Name;
  programId: string;
  requestId: string;
  data: Data;
  performedBy: { userId: string; name: string };
  /** ISO 8601, UTC, with milliseconds. */
  timestamp: string;
}

/**
 * `id` names the event for good: the same event has the same id whenever it comes again. It is missing while the
 * gateway's history is down.
 */
export type Handler<Name extends EventName = EventName, Data = JsonObject> = (
  envelope: Envelope<Name, Data>,
  id: string | undefined,
) => void;

/**
 * What became of one program since the client's cursor: `recovered` (everything missed was sent again), `gap` (some
 * of it is no longer kept), `reset` (the history began anew), `joined` (the user became a member meanwhile),
 * `left` (is no longer one).
 */
export type Verdict = "recovered" | "gap" | "reset" | "joined" | "left";

/** Sent once to each connection, after what it missed and before the first live event. */
export interface Catchup {
  /** Every program is `recovered`, and the client gave a pid: as `socket.recovered`. */
  recovered: boolean;
  /** How many events were sent again. */
  replayed: number;
  programs: { [programId: string]: Verdict };
  /** The verdict of every program of the user's that `programs` does not name: they would have been too many. */
  others?: Exclude<Verdict, "left">;
  /** Memberships have ended that the server cannot name: load the list of programs. */
  changed?: boolean;
}

/** For socket.io-client alone: `const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(…)`. */
export type ServerToClientEvents<P extends Payloads = {}> = {
  [Name in EventName]: Handler<Name, PayloadOf<P, Name>>;
} & { catchup: (notice: Catchup, position?: string) => void };

/** Clients only receive. */
export interface ClientToServerEvents {}
