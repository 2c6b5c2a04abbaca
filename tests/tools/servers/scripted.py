"""A tool server that behaves well or badly on demand. It speaks the protocol by hand, since no
library would let it misbehave, and starts in a few hundredths of a second.

Usage: scripted.py [ok | exits | mute | empty | noisy]. Each tool call is appended, before it is
answered, as a line of JSON to the file named by CALLS; each start, as a process id, to the file
`starts` beside it.
"""

from __future__ import annotations

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


def call(name: str, given: Json) -> Json:
    """The result of a tool; None for no answer at all."""
    match name:
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


def answer(message: Json) -> None:
    method, id = message["method"], message.get("id")
    if method == "initialize":
        about = {"name": "scripted", "version": "1"}
        version = message["params"]["protocolVersion"]
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
        put({"jsonrpc": "2.0", "id": id, "result": result})
    elif method == "tools/list":
        tools = [] if "empty" in sys.argv else TOOLS
        put({"jsonrpc": "2.0", "id": id, "result": {"tools": tools}})
    elif method == "tools/call":
        name, given = message["params"]["name"], message["params"].get("arguments") or {}
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(json.dumps({"tool": name, "arguments": given}) + "\n")
        if name == "refuse":
            error = {"code": -32602, "message": "not like this"}
            put({"jsonrpc": "2.0", "id": id, "error": error})
            return
        result = call(name, given)
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
