CREATE TABLE approvals (
    id VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    question JSON NOT NULL,
    state VARCHAR NOT NULL,
    answered_by TEXT NOT NULL,
    asked_at FLOAT NOT NULL,
    answered_at FLOAT,
    PRIMARY KEY (id)
);

CREATE INDEX approvals_of ON approvals (run, state);

CREATE TABLE audit (
    run VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    entry TEXT NOT NULL,
    mac VARCHAR NOT NULL,
    PRIMARY KEY (run, number)
)
 WITHOUT ROWID;

CREATE TABLE audit_content (
    run VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    content TEXT NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, number)
)
 WITHOUT ROWID;

CREATE TABLE blobs (
    digest VARCHAR NOT NULL,
    content BLOB NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE budgets (
    scope VARCHAR NOT NULL,
    ceiling FLOAT NOT NULL,
    reserved FLOAT NOT NULL,
    spent FLOAT NOT NULL,
    token_ceiling BIGINT,
    reserved_tokens BIGINT,
    spent_tokens BIGINT,
    overshot FLOAT,
    overshot_tokens BIGINT,
    PRIMARY KEY (scope)
);

CREATE TABLE effects (
    "key" VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    tool TEXT NOT NULL,
    arguments JSON NOT NULL,
    state VARCHAR NOT NULL,
    result VARCHAR,
    at FLOAT NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE exchanges (
    id INTEGER NOT NULL,
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    request VARCHAR NOT NULL,
    response VARCHAR NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX exchanges_by_request ON exchanges (run, request);

CREATE TABLE files (
    run VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    digest VARCHAR NOT NULL,
    bytes INTEGER NOT NULL,
    task VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    specialist TEXT NOT NULL,
    call VARCHAR NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, path, version)
);

CREATE TABLE kept_answers (
    "key" VARCHAR NOT NULL,
    answer TEXT NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE meta (
    "key" VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE model_calls (
    id VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    specialist TEXT NOT NULL,
    tier VARCHAR NOT NULL,
    deployment VARCHAR NOT NULL,
    model TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost FLOAT NOT NULL,
    outcome VARCHAR NOT NULL,
    at FLOAT NOT NULL,
    seconds FLOAT NOT NULL,
    cache_read INTEGER,
    cache_creation INTEGER,
    PRIMARY KEY (id)
);

CREATE INDEX model_calls_of ON model_calls (run, task);

CREATE TABLE plans (
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    specialist TEXT NOT NULL,
    "plan" JSON NOT NULL,
    digest VARCHAR NOT NULL,
    drawn_by TEXT,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, task, version)
);

CREATE TABLE processes (
    id VARCHAR NOT NULL,
    host VARCHAR NOT NULL,
    pid INTEGER NOT NULL,
    started_at FLOAT NOT NULL,
    renewed_at FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE proposals (
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    sources JSON NOT NULL,
    tenant TEXT NOT NULL,
    payload JSON NOT NULL,
    state VARCHAR NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at FLOAT NOT NULL,
    decided_by TEXT,
    decided_at FLOAT,
    rolled_back_by TEXT,
    rolled_back_at FLOAT,
    PRIMARY KEY (id)
);

CREATE INDEX proposals_by_state ON proposals (state, proposed_at);

CREATE TABLE reservations (
    id VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    scopes TEXT NOT NULL,
    dollars FLOAT NOT NULL,
    tokens BIGINT NOT NULL,
    process VARCHAR,
    at FLOAT NOT NULL,
    forfeited_at FLOAT,
    PRIMARY KEY (id)
)
 WITHOUT ROWID;

CREATE TABLE results (
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    inputs VARCHAR NOT NULL,
    schema_version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    output JSON NOT NULL,
    evidence JSON NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, task, inputs)
);

CREATE TABLE routes (
    run VARCHAR NOT NULL,
    decision JSON NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run)
);

CREATE TABLE runs (
    id VARCHAR NOT NULL,
    thread TEXT NOT NULL,
    request TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    label VARCHAR NOT NULL,
    docs TEXT NOT NULL,
    status VARCHAR NOT NULL,
    answer JSON,
    started_at FLOAT NOT NULL,
    finished_at FLOAT,
    holder VARCHAR,
    cancel_by TEXT,
    cancel_at FLOAT,
    audit_count INTEGER,
    audit_head VARCHAR,
    audit_seal VARCHAR,
    PRIMARY KEY (id)
);

CREATE INDEX runs_by_status ON runs (status);

CREATE TABLE tasks (
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    specialist TEXT NOT NULL,
    state VARCHAR NOT NULL,
    reason TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, task)
);

CREATE TABLE tool_calls (
    id VARCHAR NOT NULL,
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    user TEXT NOT NULL,
    specialist TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments JSON NOT NULL,
    decision VARCHAR NOT NULL,
    policies JSON NOT NULL,
    reason TEXT NOT NULL,
    outcome VARCHAR NOT NULL,
    result VARCHAR,
    effect VARCHAR,
    started_at FLOAT NOT NULL,
    seconds FLOAT,
    asked JSON,
    PRIMARY KEY (id)
);

CREATE INDEX tool_calls_of ON tool_calls (run, task);

CREATE TABLE totals (
    run VARCHAR NOT NULL,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost FLOAT NOT NULL,
    PRIMARY KEY (run)
);

CREATE TABLE transitions (
    id INTEGER NOT NULL,
    run VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    attempt INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    reason TEXT NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX transitions_of ON transitions (run, task);
