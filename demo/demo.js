// The demo page: listens as one user, publishes, cuts the connection and shows what was caught up.
// `io` comes from the official client bundle, loaded by the page before this module runs.

const SHOWN_MAX = 200;
const at = (id) => document.getElementById(id);
const view = {
  state: at("state"), stateText: at("state-text"), user: at("user"), transport: at("transport"),
  programs: at("programs"), cursor: at("cursor"), cut: at("cut"), reconnect: at("reconnect"),
  notice: at("notice"), form: at("publish"), program: at("program"), event: at("event"),
  requestId: at("request-id"), data: at("data"), send: at("send"), result: at("publish-result"),
  events: at("events"), empty: at("empty"), count: at("count"), clear: at("clear"),
  announcer: at("announcer"),
};

let users = [];
let session = null;

/** One user's connection. `cursor` is the time up to which everything is known, in ms; null before the first event. */
class Session {
  cursor = null;
  // From a reconnect on, events up to the time of the connection are caught up.
  replaying = false;
  newest = null; // the time of the last event seen; the cursor follows when catchup has come
  heard = false; // whether this connection's catchup has
  replayEnd = 0;
  caughtUp = 0;
  total = 0;
  cutByUser = false;

  constructor(user) {
    this.user = user;
    this.socket = io({ auth: (give) => this.#authenticate(give), reconnectionDelay: 500, reconnectionDelayMax: 5000 });
    this.socket.on("connect", () => this.#connected());
    this.socket.on("disconnect", (reason) => this.#disconnected(reason));
    this.socket.on("connect_error", (error) => this.#failed(error));
    this.socket.onAny((name, ...args) => {
      if (name === "catchup") this.#replayed(args[0]);
      else this.#received(args[0]);
    });
  }

  // A fresh token for each attempt, however long that takes; no token at all would be a final refusal.
  async #authenticate(give) {
    for (;;) {
      try {
        const { token } = await ask("POST", "/dev/token", { userId: this.user.id });
        give(this.cursor === null ? { token } : { token, lastEventTimestamp: this.cursor });
        return;
      } catch {
        await new Promise((again) => setTimeout(again, 1000));
        if (session !== this || this.cutByUser) return;
      }
    }
  }

  #connected() {
    this.heard = false;
    this.replaying = this.cursor !== null;
    this.replayEnd = Date.now();
    this.caughtUp = 0;
    const { engine } = this.socket.io;
    showTransport(engine.transport.name);
    engine.on("upgrade", (transport) => showTransport(transport.name));
    showState("connected", `Connected as ${this.user.name}`);
    showButtons(true, false);
  }

  #disconnected(reason) {
    showTransport(null);
    if (this.cutByUser) {
      showState("idle", "Connection cut");
      showButtons(false, true);
    } else if (this.socket.active) {
      showState("waiting", "Connection lost, coming back");
      showButtons(true, false);
    } else {
      showState("refused", `Closed by the server (${reason})`);
      showButtons(false, true);
    }
  }

  #failed(error) {
    if (this.socket.active) {
      showState("waiting", "No connection, trying again");
      showButtons(true, false);
      return;
    }
    const code = error.data?.code ? ` (${error.data.code})` : "";
    showState("refused", `Refused: ${error.message}${code}`);
    showButtons(false, true);
  }

  #received(envelope) {
    if (Date.parse(envelope.timestamp) > this.replayEnd) this.replaying = false;
    const missed = this.replaying;
    if (missed) {
      this.caughtUp += 1;
      showNote(view.notice, "missed", `Caught up ${plural(this.caughtUp, "event")} that you missed.`);
    }
    this.newest = Date.parse(envelope.timestamp);
    if (this.heard) this.cursor = this.newest;
    this.total += 1;
    view.cursor.textContent = clock(envelope.timestamp);
    showEvent(envelope, missed);
    showCount(this.total);
    if (!missed) announce(`${envelope.event} in ${envelope.programId}, ${envelope.requestId}`);
  }

  // Sent after the replay and before what is live, by servers that tell what became of each program.
  #replayed({ programs = {} } = {}) {
    this.heard = true;
    this.cursor = this.newest;
    const returned = this.replaying;
    this.replaying = false;
    const holes = Object.keys(programs).filter((id) => ["gap", "reset"].includes(verdictOf(programs[id])));
    if (holes.length > 0) {
      showNote(view.notice, "bad", `Older events of ${holes.join(", ")} are no longer kept: reload its data.`);
    } else if (returned && this.caughtUp === 0) {
      showNote(view.notice, "good", "Nothing was missed.");
    }
  }

  cut() {
    this.cutByUser = true;
    showNote(view.notice, "", "Events published now are missed, until you reconnect.");
    this.socket.disconnect();
    this.#disconnected();
  }

  reconnect() {
    this.cutByUser = false;
    showNote(view.notice, "", "");
    showState("waiting", "Connecting");
    showButtons(true, false);
    this.socket.connect();
  }

  end() {
    this.socket.offAny();
    this.socket.off();
    this.socket.disconnect();
  }
}

const verdictOf = (entry) => (typeof entry === "string" ? entry : entry?.verdict);
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// --- the server

async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(answer.message ?? response.statusText), { ...answer, status: response.status });
  return answer;
}

async function publish() {
  let data;
  try {
    data = JSON.parse(view.data.value);
  } catch (error) {
    invalid(view.data, `Data is not JSON: ${error.message}`);
    return;
  }
  if (!view.requestId.value.trim()) {
    invalid(view.requestId, "A request id is needed.");
    return;
  }
  const body = {
    event: view.event.value,
    requestId: view.requestId.value.trim(),
    data,
    performedBy: { userId: session.user.id, name: session.user.name },
  };
  try {
    const { id } = await ask("POST", `/dev/programs/${encodeURIComponent(view.program.value)}/events`, body);
    showNote(view.result, "good", id === null ? "Published, but not kept for catch-up." : `Published as ${id}`);
    view.requestId.value = next(view.requestId.value);
  } catch (error) {
    const where = error.path ? ` at ${error.path}` : "";
    showNote(view.result, "bad", `Not published: ${error.message}${where}`);
    if (error.path?.startsWith("/data")) view.data.setAttribute("aria-invalid", "true");
  }
}

function invalid(field, message) {
  field.setAttribute("aria-invalid", "true");
  field.focus();
  showNote(view.result, "bad", message);
}

/** REQ-9 → REQ-10: the next id to publish with. */
const next = (id) => id.replace(/(\d+)$/, (digits) => String(Number(digits) + 1));

// --- showing

function showState(state, text) {
  view.state.dataset.state = state;
  view.stateText.textContent = text;
}

function showTransport(name) {
  view.transport.textContent = { websocket: "WebSocket", polling: "HTTP long-polling" }[name] ?? name ?? "–";
}

function showButtons(canCut, canReconnect) {
  const focused = document.activeElement;
  view.cut.disabled = !canCut;
  view.reconnect.disabled = !canReconnect;
  // The keyboard stays where it can go on.
  if (focused === view.cut && !canCut) view.reconnect.focus();
  if (focused === view.reconnect && !canReconnect) view.cut.focus();
}

function showNote(note, tone, text) {
  note.dataset.tone = tone;
  note.textContent = text;
}

function showCount(total) {
  view.count.hidden = view.clear.hidden = total === 0;
  view.count.textContent = String(total);
  view.empty.hidden = view.events.childElementCount > 0;
}

let announced = null;
function announce(text) {
  clearTimeout(announced);
  announced = setTimeout(() => {
    view.announcer.textContent = text;
  }, 300);
}

const clock = (timestamp) =>
  new Date(timestamp).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** On one line while that is short. */
function asText(data) {
  const line = JSON.stringify(data);
  return line.length <= 72 ? line : JSON.stringify(data, null, 2);
}

function showEvent(envelope, missed) {
  const item = element("li");
  item.dataset.requestId = envelope.requestId;
  item.dataset.caughtUp = String(missed);
  const line = element("div", "line");
  line.append(element("span", "name", envelope.event));
  if (missed) line.append(element("span", "tag", "caught up"));
  const time = element("time", "", clock(envelope.timestamp));
  time.dateTime = envelope.timestamp;
  line.append(time);
  const about = element("p", "about", `${envelope.programId} · ${envelope.requestId} · by ${envelope.performedBy.name}`);
  item.append(line, about);
  if (Object.keys(envelope.data).length > 0) item.append(element("pre", "", asText(envelope.data)));
  view.events.prepend(item);
  while (view.events.childElementCount > SHOWN_MAX) view.events.lastElementChild.remove();
}

function clearEvents() {
  view.events.replaceChildren();
  if (session) session.total = 0;
  showCount(0);
}

// --- choosing

function choose(id) {
  session?.end();
  session = null;
  view.cursor.textContent = "–";
  showTransport(null);
  showNote(view.notice, "", "");
  clearEvents();
  const user = users.find((candidate) => candidate.id === id);
  view.send.disabled = !user;
  if (!user) {
    view.programs.textContent = "–";
    view.empty.textContent = "Choose a user to listen. Open this page twice, as two users, and publish.";
    showState("idle", "Not connected");
    showButtons(false, false);
    return;
  }
  view.programs.textContent = user.programs.join(", ") || "none";
  view.empty.textContent = "Nothing yet. Events of this user’s programs appear here.";
  if (user.programs.length > 0) view.program.value = user.programs[0];
  showState("waiting", "Connecting");
  showButtons(true, false);
  session = new Session(user);
}

async function start() {
  showState("waiting", "Loading");
  try {
    const state = await ask("GET", "/dev/state");
    users = state.users;
    view.user.append(...users.map(({ id, name, role }) => new Option(role ? `${name} (${role})` : name, id)));
    const programs = [...new Set(users.flatMap((user) => user.programs))].sort();
    view.program.append(...programs.map((id) => new Option(id)));
    view.event.append(...state.events.map((name) => new Option(name)));
    showState("idle", "Not connected");
  } catch (error) {
    showState("refused", `The server does not answer (${error.message})`);
    setTimeout(start, 2000);
    return;
  }
  choose(view.user.value);
}

view.user.addEventListener("change", () => choose(view.user.value));
view.cut.addEventListener("click", () => session?.cut());
view.reconnect.addEventListener("click", () => session?.reconnect());
view.clear.addEventListener("click", () => {
  clearEvents();
  view.events.focus();
});
for (const field of [view.data, view.requestId]) {
  field.addEventListener("input", () => field.removeAttribute("aria-invalid"));
}
view.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (session) publish();
});
start();
