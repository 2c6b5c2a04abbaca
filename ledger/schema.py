"""The tables of the ledger. Times are UTC seconds since 1970 as floats.

A change here raises `VERSION`; `ledger.migration` brings older databases up to it, which can add
tables, indexes and nullable columns. No column has a length: SQLite would not hold it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

from ledger.words import Words

VERSION = 5
"""Of these tables. 1 are those before `meta`, which did not say their version."""

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("thread", Words, nullable=False),
    Column("request", Words, nullable=False),
    Column("tenant", Words, nullable=False),
    Column("user", Words, nullable=False),
    Column("label", String, nullable=False),
    Column("docs", Words, nullable=False),
    Column("status", String, nullable=False),
    Column("answer", JSON),
    Column("started_at", Float, nullable=False),
    Column("finished_at", Float),
    # The process that drives the run now; a run whose holder is gone was cut off.
    Column("holder", String),
    Column("cancel_by", Words),
    Column("cancel_at", Float),
    # Of the run's audit: how many rows it has, the code of the last one, and the code over both.
    Column("audit_count", Integer),
    Column("audit_head", String),
    Column("audit_seal", String),
    Index("runs_by_status", "status"),
)

processes = Table(
    "processes",
    metadata,
    Column("id", String, primary_key=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("renewed_at", Float, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("run", String, primary_key=True),
    Column("decision", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("run", String, primary_key=True),
    Column("task", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("specialist", Words, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("digest", String, nullable=False),
    # Who drew it: `spec`, `model`, `replan`, or the person who edited it.
    Column("drawn_by", Words),
    Column("at", Float, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("run", String, primary_key=True),
    Column("task", String, primary_key=True),
    Column("specialist", Words, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Words, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Float, nullable=False),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String, nullable=False),
    Column("task", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Float, nullable=False),
    Index("transitions_of", "run", "task"),
)

results = Table(
    "results",
    metadata,
    Column("run", String, primary_key=True),
    Column("task", String, primary_key=True),
    Column("inputs", String, primary_key=True),
    Column("schema_version", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("output", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

tool_calls = Table(
    "tool_calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("run", String, nullable=False),
    Column("task", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tenant", Words, nullable=False),
    Column("user", Words, nullable=False),
    Column("specialist", Words, nullable=False),
    Column("tool", Words, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("decision", String, nullable=False),
    Column("policies", JSON, nullable=False),
    Column("reason", Words, nullable=False),
    Column("outcome", String, nullable=False),
    Column("result", String),
    Column("effect", String),
    Column("started_at", Float, nullable=False),
    Column("seconds", Float),
    # What the decision was made from, so that it can be made again.
    Column("asked", JSON),
    Index("tool_calls_of", "run", "task"),
)

effects = Table(
    "effects",
    metadata,
    Column("key", String, primary_key=True),
    Column("run", String, nullable=False),
    Column("task", String, nullable=False),
    Column("tool", Words, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("result", String),
    Column("at", Float, nullable=False),
)

model_calls = Table(
    "model_calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("run", String, nullable=False),
    Column("task", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("specialist", Words, nullable=False),
    Column("tier", String, nullable=False),
    Column("deployment", String, nullable=False),
    Column("model", Words, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),
    Column("outcome", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    # Of the prompt tokens: read from the provider's cache, and written to it.
    Column("cache_read", Integer),
    Column("cache_creation", Integer),
    Index("model_calls_of", "run", "task"),
)

totals = Table(
    # Sums of model_calls by run, so that to tell them does not cost more with every call.
    "totals",
    metadata,
    Column("run", String, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("completion_tokens", Integer, nullable=False),
    Column("cost", Float, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("scope", String, primary_key=True),
    Column("ceiling", Float, nullable=False),
    Column("reserved", Float, nullable=False),
    Column("spent", Float, nullable=False),
    # The same in tokens; without a ceiling they are only counted.
    Column("token_ceiling", BigInteger),
    Column("reserved_tokens", BigInteger),
    Column("spent_tokens", BigInteger),
    # Of what is spent: what providers billed beyond what had been set aside for the call.
    Column("overshot", Float),
    Column("overshot_tokens", BigInteger),
)

reservations = Table(
    # What is set aside for a call, until it is settled. Those of a process that died stay, with
    # the time when they were booked as spent.
    "reservations",
    metadata,
    # That of the row of `model_calls` that the call will have.
    Column("id", String, primary_key=True),
    Column("run", String, nullable=False),
    # A JSON list: every scope that pays.
    Column("scopes", Text, nullable=False),
    Column("dollars", Float, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("process", String),
    Column("at", Float, nullable=False),
    Column("forfeited_at", Float),
    sqlite_with_rowid=False,
)

audit = Table(
    # One chain for a run. Rows are only ever added; each is bound to the one before it.
    "audit",
    metadata,
    Column("run", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    # The text that the code is taken of, exactly: not a JSON column.
    Column("entry", Text, nullable=False),
    Column("mac", String, nullable=False),
    # Half the pages that a row touches.
    sqlite_with_rowid=False,
)

audit_content = Table(
    # What the digests of audit rows are of. It can be deleted; the chain still verifies.
    "audit_content",
    metadata,
    Column("run", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("content", Text, nullable=False),
    Column("at", Float, nullable=False),
    sqlite_with_rowid=False,
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String, primary_key=True),
    Column("run", String, nullable=False),
    Column("task", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("question", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("answered_by", Words, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("answered_at", Float),
    Index("approvals_of", "run", "state"),
)

proposals = Table(
    # What somebody would have changed, and who decided on it. Nothing changes by a row alone.
    "proposals",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    # The runs that gave the reason.
    Column("sources", JSON, nullable=False),
    Column("tenant", Words, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", String, nullable=False),
    Column("proposed_by", Words, nullable=False),
    Column("proposed_at", Float, nullable=False),
    Column("decided_by", Words),
    Column("decided_at", Float),
    Column("rolled_back_by", Words),
    Column("rolled_back_at", Float),
    Index("proposals_by_state", "state", "proposed_at"),
)

blobs = Table(
    "blobs",
    metadata,
    Column("digest", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("run", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("digest", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("task", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("specialist", Words, nullable=False),
    Column("call", String, nullable=False),
    Column("at", Float, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

kept_answers = Table(
    # Answers that are given again to the same question, by the hash of all that they depend on.
    "kept_answers",
    metadata,
    Column("key", String, primary_key=True),
    Column("answer", Text, nullable=False),
    Column("at", Float, nullable=False),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String, nullable=False),
    Column("task", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("request", String, nullable=False),
    Column("response", String, nullable=False),
    Column("at", Float, nullable=False),
    Index("exchanges_by_request", "run", "request"),
)
