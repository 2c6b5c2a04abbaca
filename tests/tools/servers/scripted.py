"""A tool server that behaves well or badly on demand. It speaks the protocol by hand, since no
library would let it misbehave, and starts in a few hundredths of a second.

Usage: scripted.py [ok | exits | mute | empty | noisy]. Each tool call is appended, before it is
answered, as a line of JSON to the file named by CALLS; each start, as a process id, to the file
`starts` beside it. A file `lists` beside it changes what it lists: descriptions by name, null for
a tool that is gone.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

Json = Any
TEXT = {"type": "string"}


def offer(name: str, /, *, read: bool, needed: tuple[str, ...] = (), **properties: object) -> Json:
    schema: Json = {"type": "object", "properties": properties, "required": list(needed)}
    schema["additionalProperties"] = False
    notes = {"readOnlyHint": read}
    return {"name": name, "description": f"{name}.", "inputSchema": schema, "annotations": notes}


TOOLS = [
    offer("say", read=True, needed=("text",), text=TEXT),
    offer("add", read=True, needed=("a", "b"), a={"type": "integer"}, b={"type": "integer"}),
    offer("where", read=True, needed=("folder", "name"), folder=TEXT, name=TEXT),
    offer("environment", read=True),
    offer("fail", read=True),
    offer("huge", read=True, needed=("size",), size={"type": "integer"}),
    offer("hang", read=True),
    offer("brood", read=True, needed=("file",), file=TEXT),
    offer("leave", read=True, needed=("file",), file=TEXT),
    offer("die", read=True),
    offer("die_once", read=True, needed=("file",), file=TEXT),
    offer("stray", read=True),
    offer("misaddress", read=True),
    offer("refuse", read=True),
    offer("garbage", read=True),
    offer("drip", read=True),
    offer("daemon", read=True, needed=("file",), file=TEXT),
    offer("zombie", read=True, needed=("file",), file=TEXT),
    offer("announce", read=True),
    offer("hidden", read=True),
    offer("reveal", read=True),
    offer("reveal_die", read=True),
    offer("steps", read=True, needed=("count",), count={"type": "integer"}),
    offer("wish", read=True),
    offer("send_wish", read=False, needed=("to",), to=TEXT),
    offer("link", read=True),
    offer("token", read=True),
    offer("send", read=False, needed=("to",), to=TEXT),
    offer("send_keyed", read=False, needed=("to",), to=TEXT, key=TEXT),
    offer("send_huge", read=False, needed=("to",), to=TEXT),
    offer("send_fail", read=False, needed=("to",), to=TEXT),
    offer("send_hang", read=False, needed=("to",), to=TEXT),
    offer("send_die", read=False, needed=("to",), to=TEXT),
    offer("send_die_keyed", read=False, needed=("to",), to=TEXT, key=TEXT),
]


def put(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def text(said: str, *, error: bool = False) -> Json:
    return {"content": [{"type": "text", "text": said}], "isError": error}


def data(value: Json) -> Json:
    return {"content": [{"type": "text", "text": json.dumps(value)}], "structuredContent": value}


def wish(schema: Json) -> Json:
    """What the other side answers to a question."""
    asked = {"mode": "form", "message": "How\u200b many?", "requestedSchema": schema}
    put({"jsonrpc": "2.0", "id": "wish", "method": "elicitation/create", "params": asked})
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("id") == "wish":
            return message.get("result") or message.get("error")
    sys.exit("nobody answered")


def daemon(file: str) -> None:
    """A grandchild in a session of its own, which no signal to our group reaches."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDWR), number)
            time.sleep(600)
        os._exit(0)
    os.wait()
    # It has no parent to ask for its id any more, but our mark.
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                environment = Path("/proc", entry, "environ").read_bytes()
            except OSError:
                continue
            if os.environ["CALLS"].encode() in environment:
                Path(file).write_text(entry)


FORM = {
    "type": "object",
    "properties": {"count": {"type": "integer", "default": 3}, "why": {"type": "string"}},
    "required": ["count"],
}


def call(name: str, given: Json, token: Json = None) -> Json:
    """The result of a tool; None for no answer at all."""
    match name:
        case "garbage":
            sys.stdout.write("}{ \x00 not a message\n")
            sys.stdout.flush()
            return None
        case "drip":
            while True:
                sys.stdout.write("x")
                sys.stdout.flush()
                time.sleep(0.02)
        case "daemon":
            daemon(given["file"])
            time.sleep(600)
        case "announce":
            put({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            return text("said so")
        case "hidden":
            return data(
                {"no\u2066te": "pay\u200b the \U000e0041\U000e0042bill", "fine": "naïve 👍🏽"}
            )
        case "token":
            return text(f"it has {len(os.environ.get('TOKEN', ''))} characters")
        case "reveal":
            token = os.environ["TOKEN"]
            coded = base64.b64encode(token.encode()).decode()
            return data({"token": token, token: coded, "list": [f"Bearer {token}"]})
        case "reveal_die":
            sys.exit(f"wrong token {os.environ['TOKEN']}")
        case "steps":
            for step in range(given["count"]):
                said = {"progressToken": token, "progress": step + 1, "total": given["count"]}
                said["message"] = f"st\u200bep {step + 1}"
                put({"jsonrpc": "2.0", "method": "notifications/progress", "params": said})
            return text("all steps")
        case "wish" | "send_wish":
            said = wish(FORM)
            return data({"said": said}) | {"isError": said.get("action") == "cancel"}
        case "link":
            block = {"type": "resource_link", "name": "report", "uri": "http://127.0.0.1:9/report"}
            return {"content": [block]}
        case "say":
            return text(given["text"])
        case "add":
            return data({"sum": given["a"] + given["b"]})
        case "where":
            return data({"folder": given["folder"], "name": given["name"]})
        case "environment":
            return data({"names": sorted(os.environ)})
        case "fail" | "send_fail":
            return text("the shelf is empty", error=True)
        case "huge":
            return text("x" * given["size"])
        case "send_huge":
            return text("x" * 20_000)
        case "brood" | "leave":
            import subprocess  # noqa: PLC0415 (only here; the others start faster without)

            child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
            Path(given["file"]).write_text(f"{os.getpid()} {child.pid}")
            if name == "leave":
                return text("left it")
            time.sleep(600)
        case "zombie":
            child_id = os.fork()
            if child_id == 0:
                os._exit(0)
            # It is dead, and stays in the table of processes as long as nobody asks for its end.
            Path(given["file"]).write_text(f"{os.getpid()} {child_id}")
            time.sleep(600)
        case "hang" | "send_hang":
            time.sleep(600)
        case "die" | "send_die" | "send_die_keyed":
            sys.exit("the floor gave way")
        case "die_once":
            mark = Path(given["file"])
            if not mark.exists():
                mark.touch()
                os._exit(7)
            return text("alive again")
        case "stray":
            sys.stdout.write("a line that is not a message\n")
            return text("after the stray line")
        case "misaddress":
            put({"jsonrpc": "2.0", "id": 9_999, "result": text("for somebody else")})
            return None
        case _:
            return data({"done": name, "with": given})
    return None


def listed() -> list[Json]:
    """The tools, as the file `lists` changes them."""
    file = Path(os.environ["CALLS"]).with_name("lists")
    changes = json.loads(file.read_text()) if file.exists() else {}
    known = {tool["name"]: tool for tool in TOOLS}
    for name, words in changes.items():
        if words is None:
            del known[name]
        else:
            known[name] = known.get(name, offer(name, read=True)) | {"description": words}
    return list(known.values())


def answer(message: Json) -> None:
    method, id = message["method"], message.get("id")
    if method == "initialize":
        about = {"name": "scripted", "version": "1"}
        version = message["params"]["protocolVersion"]
        told = json.dumps(message["params"]["clientInfo"])
        Path(os.environ["CALLS"]).with_name("client").write_text(told)
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
        put({"jsonrpc": "2.0", "id": id, "result": result})
    elif method == "tools/list":
        tools = [] if "empty" in sys.argv else listed()
        put({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}})
    elif method == "tools/call":
        name, given = message["params"]["name"], message["params"].get("arguments") or {}
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(json.dumps({"tool": name, "arguments": given}) + "\n")
        if name == "refuse":
            error = {"code": -32602, "message": "not like this"}
            put({"jsonrpc": "2.0", "id": id, "error": error})
            return
        result = call(name, given, message["params"].get("_meta", {}).get("progressToken"))
        if result is not None:
            put({"jsonrpc": "2.0", "id": id, "result": result})


def main() -> None:
    with Path(os.environ["CALLS"]).with_name("starts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if "exits" in sys.argv:
        sys.exit("there is no database here")
    if "noisy" in sys.argv:
        sys.stdout.write("Welcome to a program that greets on its standard output\n")
    for line in sys.stdin:
        message = json.loads(line)
        if "mute" not in sys.argv and "method" in message:
            answer(message)


main()
