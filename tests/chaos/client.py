"""python-socketio clients for clients.mjs.

Reads one JSON object a line, {client, url, token, cursor, transports}, and opens a client for each; prints what their
handlers see, one JSON object a line, until standard input ends.
"""

import asyncio
import json
import sys
import time

import engineio.payload
import socketio

# More than 16 events in one polling answer are otherwise taken for an attack, for ever.
engineio.payload.Payload.max_decode_packets = 10_000

# Seconds without a connection after which an application restarts its client.
PATIENCE = 15


def tell(client, **what):
    print(json.dumps({"client": client, "at": time.monotonic() * 1000, **what}), flush=True)


class Client:
    """One client with its application, which gives the id of the latest event when it comes back.

    That moves on when a catchup was heard: what came before it is sent again if the connection ends first.
    """

    def __init__(self, options):
        self.name = options["client"]
        self.options = options
        self.last_event_id = None
        self.caught_up = False
        self.socket = self.make()

    def make(self):
        socket = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.5, randomization_factor=0.02)
        socket.on("connect", self.on_connect)
        socket.on("disconnect", lambda reason=None: tell(self.name, kind="disconnect", reason=str(reason)))
        socket.on("connect_error", self.on_error)
        socket.on("*", self.on_event)
        return socket

    def on_connect(self):
        self.caught_up = False
        tell(self.name, kind="connect", recovered=False)

    def on_error(self, error=None):
        """The server's refusals are objects, the transport's errors are not."""
        if isinstance(error, dict) and "data" in error:
            data = error["data"] or {}
            tell(self.name, kind="refused", message=error.get("message"), code=data.get("code"))

    def on_event(self, event, *args):
        self.caught_up = self.caught_up or event == "catchup"
        if self.caught_up and len(args) > 1 and isinstance(args[1], str):
            self.last_event_id = args[1]
        tell(self.name, event=event, args=[strip(args[0]), *args[1:]])

    def auth(self):
        given = {"token": self.options["token"]}
        if self.options["cursor"] == "session":
            given["session"] = self.name
        elif self.last_event_id:
            given["lastEventId"] = self.last_event_id
        return given

    async def keep_connected(self):
        """The first attempt, and whichever the client gives up, is made again here, as its manual says.

        It gives up, too, when a server ends a session over polling: it takes Engine.IO's close for a final one.
        """
        since = time.monotonic()
        while True:
            reconnecting = self.socket._reconnect_task
            if self.socket.connected and not self.forgotten():
                since = time.monotonic()
            elif time.monotonic() - since > PATIENCE or self.forgotten():
                await self.begin_anew()
                since = time.monotonic()
            elif reconnecting is None or reconnecting.done():
                await self.attempt()
            await asyncio.sleep(0.2)

    def forgotten(self):
        """python-engineio 4.15 believes itself connected for ever when a polling answer is cut within its body."""
        reading = self.socket.eio.read_loop_task
        return self.socket.connected and reading is not None and reading.done()

    async def begin_anew(self):
        """It also waits for ever for the answer to a probe. The application drops such a client and makes another one."""
        old, self.socket = self.socket, self.make()
        if old.connected:
            tell(self.name, kind="disconnect", reason="dropped by the application")
        # Nothing of it may go on: it would answer heartbeats for events that nobody handles.
        old.handlers.clear()
        old.reconnection = False
        old.eio.handlers.clear()
        old.eio.state = "disconnected"
        old.eio._send_request = refuse
        old.eio._send_packet = refuse
        for task in (old._reconnect_task, old.eio.read_loop_task, old.eio.write_loop_task):
            if task is not None:
                task.cancel()
        for end in (old.eio.ws, old.eio.http):
            if end is not None:
                await asyncio.wait([asyncio.ensure_future(end.close())], timeout=5)

    async def attempt(self):
        try:
            connecting = self.socket.connect(
                self.options["url"], auth=self.auth, transports=self.options["transports"], wait_timeout=5
            )
            await asyncio.wait_for(connecting, PATIENCE)
        except Exception as error:  # whatever its HTTP client raises gets through
            print(f"{self.name}: {error!r}", file=sys.stderr, flush=True)


async def refuse(*_, **__):
    """In place of what a dropped client would send."""
    return "dropped"


def strip(body):
    """Without what was published: the checker looks at the rest only."""
    return {key: value for key, value in body.items() if key != "data"} if isinstance(body, dict) else body


async def main():
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = []
    while line := await lines.readline():
        tasks.append(asyncio.create_task(Client(json.loads(line)).keep_connected()))
    for task in tasks:
        task.cancel()


asyncio.run(main())
