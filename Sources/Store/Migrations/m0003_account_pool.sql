-- The pool of accounts: caps and switches of an account, groups, OAuth state, cooldowns and health, and the account a key is bound to.
-- A fourth kind, `cli`, needs the check on `kind` made anew, which SQLite can only do by making the table anew.
-- @sqlite
CREATE TABLE accounts_next (
    id TEXT NOT NULL CONSTRAINT accounts_id_unique PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT accounts_kind_check CHECK (kind IN ('api_key', 'bearer', 'oauth', 'cli')),
    base_url TEXT NOT NULL,
    secret_sealed BLOB NOT NULL,
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
INSERT INTO accounts_next (id, name, email, kind, base_url, secret_sealed, header_style, priority, weight, max_concurrency, status,
    status_reason, cooldown_until, model_map, model_allow, model_deny, source, source_key, created_at, updated_at, version)
SELECT id, name, email, kind, base_url, secret_sealed, header_style, priority, weight, max_concurrency, status,
    status_reason, cooldown_until, model_map, model_allow, model_deny, source, source_key, created_at, updated_at, version FROM accounts;
DROP TABLE accounts;
ALTER TABLE accounts_next RENAME TO accounts;
-- @end
-- @postgres
ALTER TABLE accounts DROP CONSTRAINT accounts_kind_check;
ALTER TABLE accounts ADD CONSTRAINT accounts_kind_check CHECK (kind IN ('api_key', 'bearer', 'oauth', 'cli'));
-- @end

-- NULL caps: none. `resets` rises when an operator clears cooldowns, so that every process forgets what it remembers.
ALTER TABLE accounts ADD COLUMN requests_per_minute BIGINT
    CONSTRAINT accounts_requests_per_minute_check CHECK (requests_per_minute >= 1);
ALTER TABLE accounts ADD COLUMN tokens_per_minute BIGINT CONSTRAINT accounts_tokens_per_minute_check CHECK (tokens_per_minute >= 1);
ALTER TABLE accounts ADD COLUMN cost_per_day_micro_usd BIGINT
    CONSTRAINT accounts_cost_per_day_check CHECK (cost_per_day_micro_usd >= 0);
ALTER TABLE accounts ADD COLUMN schedulable BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE accounts ADD COLUMN notes TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN expires_at BIGINT;
ALTER TABLE accounts ADD COLUMN abort_policy TEXT NOT NULL DEFAULT 'cut'
    CONSTRAINT accounts_abort_policy_check CHECK (abort_policy IN ('cut', 'drain'));
ALTER TABLE accounts ADD COLUMN withholds_client_fields BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE accounts ADD COLUMN bills_top_level BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE accounts ADD COLUMN proxy_sealed @BYTES@;
ALTER TABLE accounts ADD COLUMN resets BIGINT NOT NULL DEFAULT 0;

CREATE TABLE account_groups (
    id TEXT NOT NULL CONSTRAINT account_groups_id_unique PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT account_groups_name_unique UNIQUE,
    strategy TEXT CONSTRAINT account_groups_strategy_check
        CHECK (strategy IN ('headroom', 'least_inflight', 'weighted', 'round_robin', 'oldest_used')),
    notes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE account_group_members (
    group_id TEXT NOT NULL
        CONSTRAINT account_group_members_group_reference REFERENCES account_groups (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL
        CONSTRAINT account_group_members_account_reference REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT account_group_members_group_id_account_id_unique PRIMARY KEY (group_id, account_id)
);
CREATE INDEX account_group_members_account ON account_group_members (account_id);

-- Plain OAuth 2. `generation` rises with every new access token, `fence` with every lease: a write carries both and takes effect only
-- when they still stand, so that a late refresher can never bring an old refresh token back.
CREATE TABLE account_tokens (
    account_id TEXT NOT NULL CONSTRAINT account_tokens_account_id_unique PRIMARY KEY
        CONSTRAINT account_tokens_account_reference REFERENCES accounts (id) ON DELETE CASCADE,
    token_url TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret_sealed @BYTES@,
    style TEXT NOT NULL CONSTRAINT account_tokens_style_check CHECK (style IN ('json', 'form')),
    scopes TEXT NOT NULL,
    refresh_sealed @BYTES@ NOT NULL,
    access_sealed @BYTES@,
    expires_at BIGINT,
    generation BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    refreshed_at BIGINT
);

-- What an account rests from, per model family ('' is all of them). `until` past: one request may probe.
CREATE TABLE account_cooldowns (
    account_id TEXT NOT NULL CONSTRAINT account_cooldowns_account_reference REFERENCES accounts (id) ON DELETE CASCADE,
    family TEXT NOT NULL,
    until BIGINT NOT NULL,
    is_block BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    steps BIGINT NOT NULL,
    since BIGINT NOT NULL,
    CONSTRAINT account_cooldowns_account_id_family_unique PRIMARY KEY (account_id, family)
);

CREATE TABLE account_health (
    account_id TEXT NOT NULL CONSTRAINT account_health_account_id_unique PRIMARY KEY
        CONSTRAINT account_health_account_reference REFERENCES accounts (id) ON DELETE CASCADE,
    tested_at BIGINT,
    test_outcome TEXT NOT NULL,
    test_detail TEXT NOT NULL,
    last_used_at BIGINT,
    windows TEXT NOT NULL
);

-- "<account id>" or "group:<group id>"; NULL: the whole pool.
ALTER TABLE api_keys ADD COLUMN account_binding TEXT;
ALTER TABLE api_keys ADD COLUMN binding_falls_back BOOLEAN NOT NULL DEFAULT FALSE;
