"""The application of a python-socketio client, for run.mjs: URL TOKEN SESSION TRANSPORT. Prints what its handlers see."""

import asyncio
import sys

import engineio.payload
import socketio

url, token, session, transport = sys.argv[1:]


def tell(*words):
    print(*words, flush=True)


def handle(event, body):
    tell("event", body["requestId"])


def load(program):
    tell("load", program)


def drop(program):
    tell("drop", program)


def load_all():
    tell("load", "all")


# docs/recovery.md shows what follows, down to the end of `connect`.
# Over polling, an answer with more than 16 events is else an error, again at each reconnect.
engineio.payload.Payload.max_decode_packets = 10_000

latest = ("", 0)


def is_repeat(event_id):
    """An id is `epoch.number`, and within an epoch the numbers rise."""
    global latest
    epoch, number = event_id.split(".")
    if epoch == latest[0] and int(number) <= latest[1]:
        return True
    latest = (epoch, int(number))
    return False


async def on_event(event, body, event_id=None):
    if event_id is None or not is_repeat(event_id):
        handle(event, body)


async def on_catchup(body, position=None):
    for program, verdict in body["programs"].items():
        if verdict == "left":
            drop(program)
        elif verdict != "recovered":
            load(program)
    if body.get("changed") or body.get("others", "recovered") != "recovered":
        load_all()


def make_client():
    client = socketio.AsyncClient(reconnection_delay=0.05, reconnection_delay_max=0.5)
    client.on("*", on_event)
    client.on("catchup", on_catchup)
    return client


async def connect(client):
    auth = {"token": token, "session": session}
    await client.connect(url, auth=auth, transports=[transport], retry=True)


def is_well(client):
    """python-engineio 4.15 believes itself connected for ever when a polling answer is cut within its body."""
    reading = client.eio.read_loop_task
    return client.connected and reading is not None and not reading.done()


async def main():
    """Over polling a cut can leave a client that never returns. Another one with the same session takes its place."""
    while True:
        client = make_client()
        client.on("connect", lambda: tell("connect"))
        connecting = asyncio.create_task(connect(client))
        unwell = 0
        while unwell < 20:
            await asyncio.sleep(0.1)
            unwell = 0 if is_well(client) else unwell + 1
        connecting.cancel()
        client.reconnection = False
        asyncio.create_task(client.eio.disconnect(abort=True))


asyncio.run(main())
