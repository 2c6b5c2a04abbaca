"""The tables of the ledger. Times are UTC seconds since 1970 as floats; JSON is canonical."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("thread", String(64), nullable=False),
    Column("request", Text, nullable=False),
    Column("tenant", String(128), nullable=False),
    Column("user", String(128), nullable=False),
    Column("label", String(16), nullable=False),
    Column("docs", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("answer", JSON),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    # The process that drives the run now; a run whose holder is gone was cut off.
    Column("holder", String(64)),
    Column("cancel_by", String(128)),
    Column("cancel_at", Float),
    Index("runs_by_status", "status"),
)

processes = Table(
    "processes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("renewed_at", Float, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("decision", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("task", String(200), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("specialist", String(128), nullable=False),
    Column("plan", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    # Who drew it: `spec`, `model`, `replan`, or the person who edited it.
    Column("drawn_by", String(128)),
    Column("at", Float, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("task", String(200), primary_key=True),
    Column("specialist", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Float, nullable=False),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("transitions_of", "run", "task"),
)

results = Table(
    "results",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("task", String(200), primary_key=True),
    Column("inputs", String(64), primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("output", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("run", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tenant", String(128), nullable=False),
    Column("user", String(128), nullable=False),
    Column("specialist", String(128), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("decision", String(8), nullable=False),
    Column("policies", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("result", String(64)),
    Column("effect", String(64)),
    Column("started_at", Float, nullable=False),
    Column("seconds", Float),
    Index("tool_calls_of", "run", "task"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("run", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("tool", String(200), nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", String(64)),
    Column("at", Float, nullable=False),
)

model_calls = Table(
    "model_calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("run", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("specialist", String(128), nullable=False),
    Column("tier", String(16), nullable=False),
    Column("deployment", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("outcome", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Index("model_calls_of", "run", "task"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("scope", String(300), primary_key=True),
    Column("ceiling", Float, nullable=False),
    Column("reserved", Float, nullable=False),
    Column("spent", Float, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("run", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("question", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("answered_by", String(128), nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("answered_at", Float),
    Index("approvals_of", "run", "state"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("run", String(64), primary_key=True),
    Column("path", String(255), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("task", String(200), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("specialist", String(128), nullable=False),
    Column("call", String(64), nullable=False),
    Column("at", Float, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", String(255), nullable=False),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(64), nullable=False),
    Column("task", String(200), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("request", String(64), nullable=False),
    Column("response", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Index("exchanges_by_request", "run", "request"),
)
