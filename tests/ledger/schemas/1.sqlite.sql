CREATE TABLE approvals (
    id VARCHAR(64) NOT NULL,
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    question JSON NOT NULL,
    state VARCHAR(16) NOT NULL,
    answered_by VARCHAR(128) NOT NULL,
    asked_at FLOAT NOT NULL,
    answered_at FLOAT,
    PRIMARY KEY (id)
);

CREATE INDEX approvals_of ON approvals (run, state);

CREATE TABLE blobs (
    digest VARCHAR(64) NOT NULL,
    content BLOB NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE budgets (
    scope VARCHAR(300) NOT NULL,
    ceiling FLOAT NOT NULL,
    reserved FLOAT NOT NULL,
    spent FLOAT NOT NULL,
    PRIMARY KEY (scope)
);

CREATE TABLE effects (
    "key" VARCHAR(64) NOT NULL,
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    tool VARCHAR(200) NOT NULL,
    arguments JSON NOT NULL,
    state VARCHAR(16) NOT NULL,
    result VARCHAR(64),
    at FLOAT NOT NULL,
    PRIMARY KEY ("key")
);

CREATE TABLE exchanges (
    id INTEGER NOT NULL,
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    kind VARCHAR(8) NOT NULL,
    request VARCHAR(64) NOT NULL,
    response VARCHAR(64) NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX exchanges_by_request ON exchanges (run, request);

CREATE TABLE model_calls (
    id VARCHAR(64) NOT NULL,
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    attempt INTEGER NOT NULL,
    specialist VARCHAR(128) NOT NULL,
    tier VARCHAR(16) NOT NULL,
    deployment VARCHAR(200) NOT NULL,
    model VARCHAR(200) NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost FLOAT NOT NULL,
    outcome VARCHAR(64) NOT NULL,
    at FLOAT NOT NULL,
    seconds FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX model_calls_of ON model_calls (run, task);

CREATE TABLE plans (
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    version INTEGER NOT NULL,
    specialist VARCHAR(128) NOT NULL,
    "plan" JSON NOT NULL,
    digest VARCHAR(64) NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, task, version)
);

CREATE TABLE results (
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    inputs VARCHAR(64) NOT NULL,
    schema_version INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    output JSON NOT NULL,
    evidence JSON NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, task, inputs)
);

CREATE TABLE routes (
    run VARCHAR(64) NOT NULL,
    decision JSON NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run)
);

CREATE TABLE runs (
    id VARCHAR(64) NOT NULL,
    thread VARCHAR(64) NOT NULL,
    request TEXT NOT NULL,
    tenant VARCHAR(128) NOT NULL,
    user VARCHAR(128) NOT NULL,
    label VARCHAR(16) NOT NULL,
    docs TEXT NOT NULL,
    status VARCHAR(16) NOT NULL,
    answer JSON,
    started_at FLOAT NOT NULL,
    finished_at FLOAT,
    PRIMARY KEY (id)
);

CREATE TABLE tasks (
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    specialist VARCHAR(128) NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (run, task)
);

CREATE TABLE tool_calls (
    id VARCHAR(64) NOT NULL,
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    attempt INTEGER NOT NULL,
    tenant VARCHAR(128) NOT NULL,
    user VARCHAR(128) NOT NULL,
    specialist VARCHAR(128) NOT NULL,
    tool VARCHAR(200) NOT NULL,
    arguments JSON NOT NULL,
    decision VARCHAR(8) NOT NULL,
    policies JSON NOT NULL,
    reason TEXT NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    result VARCHAR(64),
    effect VARCHAR(64),
    started_at FLOAT NOT NULL,
    seconds FLOAT,
    PRIMARY KEY (id)
);

CREATE INDEX tool_calls_of ON tool_calls (run, task);

CREATE TABLE transitions (
    id INTEGER NOT NULL,
    run VARCHAR(64) NOT NULL,
    task VARCHAR(200) NOT NULL,
    attempt INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason TEXT NOT NULL,
    at FLOAT NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX transitions_of ON transitions (run, task);
