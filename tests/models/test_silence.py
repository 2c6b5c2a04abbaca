"""Nothing leaves the process by itself: not at import, not in a call, not after one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from runtime.settings import ROOT

GUARDED = """
import asyncio, socket, sys
from pathlib import Path

tried = []
def refuse(self, address, *rest):
    tried.append(address)
    raise OSError(f"connection to {address} refused by the test")
socket.socket.connect = refuse
socket.socket.connect_ex = refuse
def resolve(host, *rest, **more):
    tried.append(host)
    raise socket.gaierror(f"no look-up of {host}")
socket.getaddrinfo = resolve

from ledger.store import open_ledger
from models.config import load_models
from models.tiers import open_models
from runtime.context import RunContext
from runtime.labels import Label

async def main(folder):
    context = RunContext(run="r1")
    config = load_models(Path("config/models.yaml"), {})
    async with open_ledger(f"sqlite+aiosqlite:///{folder}/l.sqlite") as ledger:
        await ledger.runs.start("r1", thread="t", request="?", tenant="a", user="u",
                                label=Label.regulated, docs="")
        await ledger.budgets.open("r1", 0.0)
        async with open_models(config, ledger) as models:
            chat = models.chat("work", context)
            print((await chat.ainvoke("The sky is blue today. What is blue?")).content)
            print("".join([c.content async for c in chat.astream("The sky is blue. What is it?")]))
            tool = {"type": "function", "function": {"name": "t", "parameters": {"type": "object",
                    "properties": {"a": {"type": "string"}}, "required": ["a"]}}}
            called = await chat.bind_tools([tool], tool_choice="t").ainvoke("go")
            print(called.tool_calls[0]["name"])
            print(len((await models.embed(["a b"], context))[0]))
    await asyncio.sleep(0.5)

asyncio.run(main(sys.argv[1]))
print("TRIED", tried)
"""


def test_the_offline_path_opens_no_connection(tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LITELLM")}
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, str(tmp_path)],
        cwd=ROOT,
        env={**clean, "LANGSMITH_TRACING": "false", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "TRIED []"
    assert lines[2] == "t"
    assert lines[3] == "256"
    assert done.stderr == "", "litellm keeps quiet as well"
