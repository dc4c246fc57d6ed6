-- People, keys, accounts, history, ledger, audit. Both databases read this one text; `Migrations.swift` replaces
--   @NUMBER@  a rising integer primary key      @BYTES@  BLOB or BYTEA
-- and keeps of each block between "-- @sqlite" or "-- @postgres" and "-- @end" only its own. Times are milliseconds since 1970, ids are
-- prefixed UUIDv7 texts, money is integer micro-USD. Constraints are named because callers are told which one refused.

-- A change number per polled table; see Transaction.nextVersion.
CREATE TABLE change_counters (
    name TEXT NOT NULL CONSTRAINT change_counters_name_unique PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO change_counters (name, value) VALUES ('api_keys', 0), ('accounts', 0);

CREATE TABLE users (
    number @NUMBER@,
    id TEXT NOT NULL CONSTRAINT users_id_unique UNIQUE,
    email TEXT NOT NULL CONSTRAINT users_email_unique UNIQUE CONSTRAINT users_email_check CHECK (email = LOWER(email)),
    name TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT users_role_check CHECK (role IN ('admin', 'support', 'customer')),
    password_hash TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT users_status_check CHECK (status IN ('active', 'blocked')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login_at BIGINT
);
CREATE INDEX users_role ON users (role);

CREATE TABLE sessions (
    id TEXT NOT NULL CONSTRAINT sessions_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT sessions_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CONSTRAINT sessions_kind_check CHECK (kind IN ('bearer', 'cookie')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    user_agent TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_end ON sessions (expires_at);

CREATE TABLE api_keys (
    id TEXT NOT NULL CONSTRAINT api_keys_id_unique PRIMARY KEY,
    owner_id TEXT CONSTRAINT api_keys_owner_id_reference REFERENCES users (id),
    name TEXT NOT NULL,
    secret_hash @BYTES@ NOT NULL CONSTRAINT api_keys_secret_hash_unique UNIQUE,
    hash_alg TEXT NOT NULL,
    shown_prefix TEXT NOT NULL,
    shown_suffix TEXT NOT NULL,
    requests_per_minute BIGINT CONSTRAINT api_keys_requests_per_minute_check CHECK (requests_per_minute >= 0),
    tokens_per_day BIGINT CONSTRAINT api_keys_tokens_per_day_check CHECK (tokens_per_day >= 0),
    concurrency BIGINT CONSTRAINT api_keys_concurrency_check CHECK (concurrency >= 0),
    cost_per_day_micro_usd BIGINT CONSTRAINT api_keys_cost_per_day_check CHECK (cost_per_day_micro_usd >= 0),
    allowed_models TEXT,
    status TEXT NOT NULL CONSTRAINT api_keys_status_check CHECK (status IN ('active', 'disabled')),
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    deleted_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX api_keys_owner ON api_keys (owner_id, id);
CREATE INDEX api_keys_version ON api_keys (version);

CREATE TABLE accounts (
    id TEXT NOT NULL CONSTRAINT accounts_id_unique PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT accounts_kind_check CHECK (kind IN ('api_key', 'bearer', 'oauth')),
    base_url TEXT NOT NULL,
    secret_sealed @BYTES@ NOT NULL,
    header_style TEXT NOT NULL CONSTRAINT accounts_header_style_check CHECK (header_style IN ('x-api-key', 'authorization-bearer')),
    priority BIGINT NOT NULL CONSTRAINT accounts_priority_check CHECK (priority BETWEEN 1 AND 100),
    weight BIGINT NOT NULL CONSTRAINT accounts_weight_check CHECK (weight >= 1),
    max_concurrency BIGINT CONSTRAINT accounts_max_concurrency_check CHECK (max_concurrency >= 1),
    status TEXT NOT NULL
        CONSTRAINT accounts_status_check CHECK (status IN ('active', 'cooling', 'needs_reauth', 'blocked', 'disabled')),
    status_reason TEXT NOT NULL,
    cooldown_until BIGINT,
    model_map TEXT NOT NULL,
    model_allow TEXT,
    model_deny TEXT,
    source TEXT NOT NULL CONSTRAINT accounts_source_check CHECK (source IN ('env', 'operator')),
    source_key TEXT CONSTRAINT accounts_source_key_unique UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- History: one row a request. No foreign keys, so that it outlives keys and accounts and cleanup stays cheap.
CREATE TABLE requests (
    id TEXT NOT NULL CONSTRAINT requests_id_unique PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    user_id TEXT,
    account_id TEXT,
    model TEXT NOT NULL,
    path TEXT NOT NULL,
    dialect TEXT NOT NULL,
    stream BOOLEAN NOT NULL,
    -- Written out: for IN with more than two words SQLite makes a table in memory at every insert.
    status TEXT NOT NULL
        CONSTRAINT requests_status_check CHECK (status = 'success' OR status = 'error' OR status = 'aborted' OR status = 'pending'),
    http_status BIGINT,
    error_type TEXT,
    started_at BIGINT NOT NULL,
    duration_ms BIGINT,
    ttft_ms BIGINT,
    attempts BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    total_tokens BIGINT NOT NULL,
    web_search_requests BIGINT NOT NULL,
    cost_micro_usd BIGINT NOT NULL,
    price_micro_usd BIGINT NOT NULL,
    usage_source TEXT CONSTRAINT requests_usage_source_check
        CHECK (usage_source = 'final' OR usage_source = 'snapshot' OR usage_source = 'estimated' OR usage_source = 'unparsed'),
    upstream_request_id TEXT
);
-- Every index is paid for at every request, so there are two: everything by time, and one key's by model and time. A page of a key is the
-- newest of the newest of each of its few models; that way a model that is rare is found as fast as one that is not. What did not succeed
-- is rare and has two more. A person's requests are those of their keys. Ids within a millisecond are sorted by the query.
CREATE INDEX requests_time ON requests (started_at);
CREATE INDEX requests_key_model_time ON requests (api_key_id, model, started_at);
CREATE INDEX requests_failed ON requests (status, started_at) WHERE status <> 'success';
CREATE INDEX requests_key_failed ON requests (api_key_id, status, model, started_at) WHERE status <> 'success';

-- What was used and what it costs, append only: one row for each attempt that reached upstream.
CREATE TABLE ledger (
    request_id TEXT NOT NULL,
    attempt BIGINT NOT NULL CONSTRAINT ledger_attempt_check CHECK (attempt >= 1),
    api_key_id TEXT NOT NULL,
    user_id TEXT,
    account_id TEXT,
    model TEXT NOT NULL,
    input_tokens BIGINT NOT NULL CONSTRAINT ledger_input_check CHECK (input_tokens >= 0),
    output_tokens BIGINT NOT NULL CONSTRAINT ledger_output_check CHECK (output_tokens >= 0),
    cache_write_5m_tokens BIGINT NOT NULL CONSTRAINT ledger_cache_write_5m_check CHECK (cache_write_5m_tokens >= 0),
    cache_write_1h_tokens BIGINT NOT NULL CONSTRAINT ledger_cache_write_1h_check CHECK (cache_write_1h_tokens >= 0),
    cache_read_tokens BIGINT NOT NULL CONSTRAINT ledger_cache_read_check CHECK (cache_read_tokens >= 0),
    web_search_requests BIGINT NOT NULL CONSTRAINT ledger_web_search_check CHECK (web_search_requests >= 0),
    cost_micro_usd BIGINT NOT NULL CONSTRAINT ledger_cost_check CHECK (cost_micro_usd >= 0),
    price_micro_usd BIGINT NOT NULL CONSTRAINT ledger_price_check CHECK (price_micro_usd >= 0),
    price_flags TEXT NOT NULL,
    usage_source TEXT NOT NULL CONSTRAINT ledger_usage_source_check
        CHECK (usage_source = 'final' OR usage_source = 'snapshot' OR usage_source = 'estimated' OR usage_source = 'unparsed'),
    charged BOOLEAN NOT NULL,
    at BIGINT NOT NULL,
    day TEXT NOT NULL,
    counts_request BIGINT NOT NULL,
    CONSTRAINT ledger_request_id_attempt_unique PRIMARY KEY (request_id, attempt)
);
-- No further index: sums by key, day and model come from usage_days, and what reads the ledger itself reads all of it.

-- Daily totals of charged ledger entries, kept in the ledger's own transaction.
CREATE TABLE usage_days (
    api_key_id TEXT NOT NULL,
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    user_id TEXT,
    requests BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    cache_read_tokens BIGINT NOT NULL,
    web_search_requests BIGINT NOT NULL,
    cost_micro_usd BIGINT NOT NULL,
    price_micro_usd BIGINT NOT NULL,
    CONSTRAINT usage_days_api_key_id_day_model_unique PRIMARY KEY (api_key_id, day, model)
);
CREATE INDEX usage_days_user ON usage_days (user_id, day);
CREATE INDEX usage_days_day ON usage_days (day);

-- Audit, append only.
CREATE TABLE events (
    id TEXT NOT NULL CONSTRAINT events_id_unique PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT,
    request_id TEXT
);
CREATE INDEX events_subject ON events (subject, id);
CREATE INDEX events_actor ON events (actor, id);

CREATE TABLE sealed_secrets (
    name TEXT NOT NULL CONSTRAINT sealed_secrets_name_unique PRIMARY KEY,
    value @BYTES@ NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- `status` and `response` are null while the call is under way.
CREATE TABLE idempotency_keys (
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_digest @BYTES@ NOT NULL,
    status BIGINT,
    response @BYTES@,
    created_at BIGINT NOT NULL,
    CONSTRAINT idempotency_keys_actor_route_key_unique PRIMARY KEY (actor, route, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- The ledger and the audit never change, whoever asks.
-- @sqlite
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'append only: ledger'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'append only: ledger'); END;
CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append only: events'); END;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'append only: events'); END;
-- @end
-- @postgres
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'append only: %', TG_TABLE_NAME USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_append_only_check';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- @end
