CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'append only: events'); END;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'append only: events'); END;

CREATE TRIGGER invoices_no_delete BEFORE DELETE ON invoices BEGIN SELECT RAISE(ABORT, 'append only: invoices'); END;

CREATE TRIGGER invoices_no_update BEFORE UPDATE ON invoices BEGIN SELECT RAISE(ABORT, 'append only: invoices'); END;

CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'append only: ledger'); END;

CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'append only: ledger'); END;

CREATE TRIGGER money_entries_no_delete BEFORE DELETE ON money_entries BEGIN SELECT RAISE(ABORT, 'append only: money_entries'); END;

CREATE TRIGGER money_entries_no_update BEFORE UPDATE ON money_entries BEGIN SELECT RAISE(ABORT, 'append only: money_entries'); END;

CREATE TRIGGER prices_no_delete BEFORE DELETE ON prices BEGIN SELECT RAISE(ABORT, 'append only: prices'); END;

CREATE TRIGGER prices_no_update BEFORE UPDATE ON prices BEGIN SELECT RAISE(ABORT, 'append only: prices'); END;

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

CREATE TABLE account_group_members (
    group_id TEXT NOT NULL
        CONSTRAINT account_group_members_group_reference REFERENCES account_groups (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL
        CONSTRAINT account_group_members_account_reference REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT account_group_members_group_id_account_id_unique PRIMARY KEY (group_id, account_id)
);

CREATE TABLE account_groups (
    id TEXT NOT NULL CONSTRAINT account_groups_id_unique PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT account_groups_name_unique UNIQUE,
    strategy TEXT CONSTRAINT account_groups_strategy_check
        CHECK (strategy IN ('headroom', 'least_inflight', 'weighted', 'round_robin', 'oldest_used')),
    notes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
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

CREATE TABLE account_tokens (
    account_id TEXT NOT NULL CONSTRAINT account_tokens_account_id_unique PRIMARY KEY
        CONSTRAINT account_tokens_account_reference REFERENCES accounts (id) ON DELETE CASCADE,
    token_url TEXT NOT NULL,
    client_id TEXT NOT NULL,
    client_secret_sealed BLOB,
    style TEXT NOT NULL CONSTRAINT account_tokens_style_check CHECK (style IN ('json', 'form')),
    scopes TEXT NOT NULL,
    refresh_sealed BLOB NOT NULL,
    access_sealed BLOB,
    expires_at BIGINT,
    generation BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    last_error TEXT NOT NULL,
    refreshed_at BIGINT
);

CREATE TABLE "accounts" (
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
, requests_per_minute BIGINT
    CONSTRAINT accounts_requests_per_minute_check CHECK (requests_per_minute >= 1), tokens_per_minute BIGINT CONSTRAINT accounts_tokens_per_minute_check CHECK (tokens_per_minute >= 1), cost_per_day_micro_usd BIGINT
    CONSTRAINT accounts_cost_per_day_check CHECK (cost_per_day_micro_usd >= 0), schedulable BOOLEAN NOT NULL DEFAULT TRUE, notes TEXT NOT NULL DEFAULT '', expires_at BIGINT, abort_policy TEXT NOT NULL DEFAULT 'cut'
    CONSTRAINT accounts_abort_policy_check CHECK (abort_policy IN ('cut', 'drain')), withholds_client_fields BOOLEAN NOT NULL DEFAULT FALSE, bills_top_level BOOLEAN NOT NULL DEFAULT FALSE, proxy_sealed BLOB, resets BIGINT NOT NULL DEFAULT 0);

CREATE TABLE alert_words (
    subject TEXT NOT NULL CONSTRAINT alert_words_subject_unique PRIMARY KEY,
    word TEXT NOT NULL,
    told_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id TEXT NOT NULL CONSTRAINT api_keys_id_unique PRIMARY KEY,
    owner_id TEXT CONSTRAINT api_keys_owner_id_reference REFERENCES users (id),
    name TEXT NOT NULL,
    secret_hash BLOB NOT NULL CONSTRAINT api_keys_secret_hash_unique UNIQUE,
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
, account_binding TEXT, binding_falls_back BOOLEAN NOT NULL DEFAULT FALSE, description TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT '[]', limits TEXT NOT NULL DEFAULT '{}', access TEXT NOT NULL DEFAULT '{}', team_id TEXT CONSTRAINT api_keys_team_id_reference REFERENCES teams (id), activated_at BIGINT, previous_hash BLOB, previous_until BIGINT);

CREATE TABLE attempts (
    id TEXT NOT NULL CONSTRAINT attempts_id_unique PRIMARY KEY,
    -- A hash: the name holds a mail address and where somebody came from.
    name BLOB NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE TABLE backends (
    id TEXT NOT NULL CONSTRAINT backends_id_unique PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL CONSTRAINT backends_name_unique UNIQUE,
    address TEXT NOT NULL,
    settings TEXT NOT NULL,
    secret_sealed BLOB,
    capacity BIGINT NOT NULL CONSTRAINT backends_capacity_check CHECK (capacity >= 0),
    status TEXT NOT NULL CONSTRAINT backends_status_check CHECK (status IN ('active', 'draining', 'disabled')),
    braked_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE balances (
    user_id TEXT NOT NULL CONSTRAINT balances_user_id_reference REFERENCES users (id),
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    CONSTRAINT balances_user_id_currency_unique PRIMARY KEY (user_id, currency)
);

CREATE TABLE batches (
    id TEXT NOT NULL CONSTRAINT batches_id_unique PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    key_name TEXT NOT NULL,
    user_id TEXT,
    account_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Held back of the key's budgets until the results are booked.
    reserved_tokens BIGINT NOT NULL,
    reserved_micro_usd BIGINT NOT NULL,
    -- What the upstream said last, as JSON.
    state TEXT NOT NULL,
    next_look_at BIGINT NOT NULL,
    booked_at BIGINT,
    deleted_at BIGINT
, is_creating BOOLEAN NOT NULL DEFAULT FALSE, reserved_opus_micro_usd BIGINT NOT NULL DEFAULT 0);

CREATE TABLE change_counters (
    name TEXT NOT NULL CONSTRAINT change_counters_name_unique PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE claims (
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    value TEXT NOT NULL,
    service_id TEXT CONSTRAINT claims_service_id_reference REFERENCES services (id),
    rest_seconds BIGINT NOT NULL,
    rests_until BIGINT,
    CONSTRAINT claims_kind_scope_value_unique PRIMARY KEY (kind, scope, value)
);

CREATE TABLE config_links (
    id TEXT NOT NULL CONSTRAINT config_links_id_unique PRIMARY KEY,
    service_id TEXT NOT NULL CONSTRAINT config_links_service_id_reference REFERENCES services (id) ON DELETE CASCADE,
    secret_hash BLOB NOT NULL CONSTRAINT config_links_secret_hash_unique UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE conversations (
    id TEXT NOT NULL CONSTRAINT conversations_id_unique PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    turns BIGINT NOT NULL,
    -- System text and turns, sealed.
    content_sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

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

CREATE TABLE idempotency_keys (
    actor TEXT NOT NULL,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    status BIGINT,
    response BLOB,
    created_at BIGINT NOT NULL, request_id TEXT,
    CONSTRAINT idempotency_keys_actor_route_key_unique PRIMARY KEY (actor, route, key)
);

CREATE TABLE inbox (
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    payment_id TEXT,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    body_digest BLOB NOT NULL,
    received_at BIGINT NOT NULL,
    CONSTRAINT inbox_source_event_id_unique PRIMARY KEY (source, event_id)
);

CREATE TABLE invoices (
    number BIGINT NOT NULL CONSTRAINT invoices_number_unique PRIMARY KEY,
    id TEXT NOT NULL CONSTRAINT invoices_id_unique UNIQUE,
    kind TEXT NOT NULL CONSTRAINT invoices_kind_check CHECK (kind IN ('invoice', 'credit_note')),
    user_id TEXT NOT NULL CONSTRAINT invoices_user_id_reference REFERENCES users (id),
    payment_id TEXT NOT NULL CONSTRAINT invoices_payment_id_reference REFERENCES payments (id),
    recipient TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    lines TEXT NOT NULL,
    issued_at BIGINT NOT NULL
);

CREATE TABLE jobs (
    id TEXT NOT NULL CONSTRAINT jobs_id_unique PRIMARY KEY,
    service_id TEXT NOT NULL CONSTRAINT jobs_service_id_reference REFERENCES services (id),
    place TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT jobs_state_check CHECK (state IN ('queued', 'running', 'done', 'failed', 'replaced')),
    attempts BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    holder TEXT,
    lease_until BIGINT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);

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

CREATE TABLE "mail_links" (
    id TEXT NOT NULL CONSTRAINT mail_links_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT mail_links_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CONSTRAINT mail_links_purpose_check CHECK (purpose IN ('verify_address', 'reset_password', 'change_address')),
    email TEXT NOT NULL,
    secret_hash BLOB NOT NULL CONSTRAINT mail_links_secret_hash_unique UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE mails (
    id TEXT NOT NULL CONSTRAINT mails_id_unique PRIMARY KEY,
    kind TEXT NOT NULL,
    email TEXT NOT NULL,
    user_id TEXT CONSTRAINT mails_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    language TEXT,
    facts TEXT NOT NULL,
    link_id TEXT,
    state TEXT NOT NULL CONSTRAINT mails_state_check CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    lease_until BIGINT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE models (
    id TEXT NOT NULL CONSTRAINT models_id_unique PRIMARY KEY,
    display_name TEXT,
    max_input_tokens BIGINT CONSTRAINT models_max_input_tokens_check CHECK (max_input_tokens >= 1),
    max_output_tokens BIGINT CONSTRAINT models_max_output_tokens_check CHECK (max_output_tokens >= 1),
    lifecycle TEXT NOT NULL CONSTRAINT models_lifecycle_check CHECK (lifecycle IN ('active', 'deprecated', 'retired')),
    deprecated_at BIGINT,
    retires_at BIGINT,
    version BIGINT NOT NULL CONSTRAINT models_version_unique UNIQUE,
    updated_at BIGINT NOT NULL
);

CREATE TABLE money_entries (
    id TEXT NOT NULL CONSTRAINT money_entries_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT money_entries_user_id_reference REFERENCES users (id),
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    kind TEXT NOT NULL
        CONSTRAINT money_entries_kind_check CHECK (kind IN ('payment', 'charge', 'refund', 'reversal', 'adjustment')),
    payment_id TEXT,
    note TEXT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE operations (
    id TEXT NOT NULL CONSTRAINT operations_id_unique PRIMARY KEY,
    service_id TEXT NOT NULL CONSTRAINT operations_service_id_reference REFERENCES services (id),
    job_id TEXT,
    verb TEXT NOT NULL,
    actor TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT operations_state_check CHECK (state IN ('pending', 'done', 'failed', 'replaced')),
    failure TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE outbox (
    id TEXT NOT NULL CONSTRAINT outbox_id_unique PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT outbox_state_check CHECK (state IN ('waiting', 'sent', 'dead')),
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    lease_until BIGINT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
, told TEXT NOT NULL DEFAULT '[]');

CREATE TABLE payments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL CONSTRAINT payments_id_unique UNIQUE,
    user_id TEXT NOT NULL CONSTRAINT payments_user_id_reference REFERENCES users (id),
    purpose TEXT NOT NULL CONSTRAINT payments_purpose_check CHECK (purpose IN ('purchase', 'upgrade', 'credit')),
    plan_id TEXT CONSTRAINT payments_plan_id_reference REFERENCES plans (id),
    subscription_id TEXT CONSTRAINT payments_subscription_id_reference REFERENCES subscriptions (id),
    amount_minor BIGINT NOT NULL CONSTRAINT payments_amount_minor_check CHECK (amount_minor >= 0),
    refunded_minor BIGINT NOT NULL CONSTRAINT payments_refunded_minor_check CHECK (refunded_minor BETWEEN 0 AND amount_minor),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT payments_status_check CHECK (status IN ('pending', 'completed', 'failed', 'refunded')),
    provider TEXT NOT NULL,
    provider_payment_id TEXT,
    granted_from BIGINT,
    granted_until BIGINT,
    charged_minor BIGINT NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    completed_at BIGINT,
    CONSTRAINT payments_provider_provider_payment_id_unique UNIQUE (provider, provider_payment_id)
);

CREATE TABLE personal_tokens (
    id TEXT NOT NULL CONSTRAINT personal_tokens_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT personal_tokens_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secret_hash BLOB NOT NULL CONSTRAINT personal_tokens_secret_hash_unique UNIQUE,
    shown_suffix TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE plans (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL CONSTRAINT plans_id_unique UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL CONSTRAINT plans_name_unique UNIQUE,
    description TEXT NOT NULL,
    duration_seconds BIGINT CONSTRAINT plans_duration_seconds_check CHECK (duration_seconds > 0),
    price_minor BIGINT NOT NULL CONSTRAINT plans_price_minor_check CHECK (price_minor >= 0),
    currency TEXT NOT NULL,
    limits TEXT NOT NULL,
    max_services BIGINT NOT NULL CONSTRAINT plans_max_services_check CHECK (max_services >= 0),
    traffic_limit_bytes BIGINT CONSTRAINT plans_traffic_limit_check CHECK (traffic_limit_bytes >= 0),
    makes_service BOOLEAN NOT NULL,
    status TEXT NOT NULL CONSTRAINT plans_status_check CHECK (status IN ('active', 'retired')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE prices (
    version BIGINT NOT NULL CONSTRAINT prices_version_unique PRIMARY KEY,
    model TEXT NOT NULL,
    effective_from BIGINT NOT NULL,
    prompt_over BIGINT NOT NULL CONSTRAINT prices_prompt_over_check CHECK (prompt_over >= 0),
    input BIGINT NOT NULL CONSTRAINT prices_input_check CHECK (input >= 0),
    output BIGINT NOT NULL CONSTRAINT prices_output_check CHECK (output >= 0),
    cache_write_5m BIGINT NOT NULL CONSTRAINT prices_cache_write_5m_check CHECK (cache_write_5m >= 0),
    cache_write_1h BIGINT NOT NULL CONSTRAINT prices_cache_write_1h_check CHECK (cache_write_1h >= 0),
    cache_read BIGINT NOT NULL CONSTRAINT prices_cache_read_check CHECK (cache_read >= 0),
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL CONSTRAINT recovery_codes_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    code_hash BLOB NOT NULL,
    used_at BIGINT,
    CONSTRAINT recovery_codes_user_id_code_hash_unique PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE request_bodies (
    request_id TEXT NOT NULL CONSTRAINT request_bodies_id_unique PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    -- Header fields without credentials, what was asked and what was answered: one JSON document.
    content_sealed BLOB NOT NULL,
    -- As they were, before anything was cut off.
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

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

CREATE TABLE schema_migrations (
    version BIGINT NOT NULL CONSTRAINT schema_migrations_version_unique PRIMARY KEY,
    name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL
);

CREATE TABLE sealed_secrets (
    name TEXT NOT NULL CONSTRAINT sealed_secrets_name_unique PRIMARY KEY,
    value BLOB NOT NULL,
    key_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE second_factors (
    user_id TEXT NOT NULL CONSTRAINT second_factors_user_id_unique PRIMARY KEY
        CONSTRAINT second_factors_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    secret_sealed BLOB NOT NULL,
    -- The number of the last 30 seconds whose code was used; neither it nor one before is taken again.
    last_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL: begun and not yet shown to work, so nobody is asked for it.
    confirmed_at BIGINT
);

CREATE TABLE service_meters (
    service_id TEXT NOT NULL CONSTRAINT service_meters_service_id_unique PRIMARY KEY
        CONSTRAINT service_meters_service_id_reference REFERENCES services (id) ON DELETE CASCADE,
    last_received BIGINT NOT NULL,
    last_sent BIGINT NOT NULL,
    total_received BIGINT NOT NULL,
    total_sent BIGINT NOT NULL,
    period_base BIGINT NOT NULL,
    period_started_at BIGINT NOT NULL,
    handshake_at BIGINT,
    sampled_at BIGINT NOT NULL
);

CREATE TABLE services (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL CONSTRAINT services_id_unique UNIQUE,
    subscription_id TEXT CONSTRAINT services_subscription_id_reference REFERENCES subscriptions (id),
    owner_id TEXT CONSTRAINT services_owner_id_reference REFERENCES users (id),
    kind TEXT NOT NULL,
    backend_id TEXT CONSTRAINT services_backend_id_reference REFERENCES backends (id),
    label TEXT NOT NULL,
    desired TEXT NOT NULL CONSTRAINT services_desired_check CHECK (desired IN ('active', 'suspended', 'terminated')),
    actual TEXT NOT NULL CONSTRAINT services_actual_check CHECK (actual IN ('absent', 'active', 'suspended', 'gone', 'unknown')),
    wanted_revision BIGINT NOT NULL,
    applied_revision BIGINT NOT NULL,
    converged BOOLEAN NOT NULL,
    limits TEXT NOT NULL,
    options TEXT NOT NULL,
    choices TEXT NOT NULL,
    details TEXT NOT NULL,
    secret_sealed BLOB,
    failure TEXT,
    made_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT
);

CREATE TABLE sessions (
    id TEXT NOT NULL CONSTRAINT sessions_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT sessions_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CONSTRAINT sessions_kind_check CHECK (kind IN ('bearer', 'cookie')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    user_agent TEXT NOT NULL
, proven_at BIGINT NOT NULL DEFAULT 0);

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE subscriptions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL CONSTRAINT subscriptions_id_unique UNIQUE,
    owner_id TEXT NOT NULL CONSTRAINT subscriptions_owner_id_reference REFERENCES users (id),
    plan_id TEXT NOT NULL CONSTRAINT subscriptions_plan_id_reference REFERENCES plans (id),
    status TEXT NOT NULL CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'expired', 'ended')),
    billing TEXT NOT NULL CONSTRAINT subscriptions_billing_check CHECK (billing IN ('own', 'whmcs')),
    currency TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ends_at BIGINT,
    reminded_days BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT subscriptions_owner_id_plan_id_started_at_unique UNIQUE (owner_id, plan_id, started_at)
);

CREATE TABLE suspensions (
    service_id TEXT NOT NULL CONSTRAINT suspensions_service_id_reference REFERENCES services (id) ON DELETE CASCADE,
    reason TEXT NOT NULL CONSTRAINT suspensions_reason_check CHECK (reason IN ('payment', 'quota', 'expired', 'abuse', 'operator')),
    authority TEXT NOT NULL CONSTRAINT suspensions_authority_check CHECK (authority IN ('billing', 'metering', 'whmcs', 'operator')),
    since BIGINT NOT NULL,
    CONSTRAINT suspensions_service_id_reason_authority_unique PRIMARY KEY (service_id, reason, authority)
);

CREATE TABLE taken_over (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    foreign_id BIGINT NOT NULL,
    our_id TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    CONSTRAINT taken_over_source_kind_foreign_id_unique PRIMARY KEY (source, kind, foreign_id)
);

CREATE TABLE teams (
    id TEXT NOT NULL CONSTRAINT teams_id_unique PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT teams_name_unique UNIQUE,
    limits TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
, access TEXT NOT NULL DEFAULT '{}', first_used_at BIGINT);

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

CREATE TABLE users (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL CONSTRAINT users_id_unique UNIQUE,
    email TEXT NOT NULL CONSTRAINT users_email_unique UNIQUE CONSTRAINT users_email_check CHECK (email = LOWER(email)),
    name TEXT NOT NULL,
    role TEXT NOT NULL CONSTRAINT users_role_check CHECK (role IN ('admin', 'support', 'customer')),
    password_hash TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT users_status_check CHECK (status IN ('active', 'blocked')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    last_login_at BIGINT
, requests_per_minute BIGINT CONSTRAINT users_requests_per_minute_check CHECK (requests_per_minute >= 0), tokens_per_day BIGINT CONSTRAINT users_tokens_per_day_check CHECK (tokens_per_day >= 0), concurrency BIGINT CONSTRAINT users_concurrency_check CHECK (concurrency >= 0), cost_per_day_micro_usd BIGINT CONSTRAINT users_cost_per_day_check CHECK (cost_per_day_micro_usd >= 0), maximum_keys BIGINT CONSTRAINT users_maximum_keys_check CHECK (maximum_keys >= 0), limits TEXT NOT NULL DEFAULT '{}', team_id TEXT CONSTRAINT users_team_id_reference REFERENCES teams (id), language TEXT NOT NULL DEFAULT 'en', email_verified_at BIGINT, maximum_services BIGINT CONSTRAINT users_maximum_services_check CHECK (maximum_services >= 0), access TEXT NOT NULL DEFAULT '{}', first_used_at BIGINT);

CREATE TABLE webhook_targets (
    id TEXT NOT NULL CONSTRAINT webhook_targets_id_unique PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT webhook_targets_name_unique UNIQUE,
    address_sealed BLOB NOT NULL,
    secret_sealed BLOB NOT NULL,
    -- A JSON list of kinds.
    events TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
, disabled_at BIGINT, disabled_reason TEXT);

CREATE INDEX account_group_members_account ON account_group_members (account_id);

CREATE INDEX api_keys_owner ON api_keys (owner_id, id);

CREATE INDEX api_keys_team ON api_keys (team_id);

CREATE INDEX api_keys_version ON api_keys (version);

CREATE INDEX attempts_made ON attempts (made_at);

CREATE INDEX attempts_name ON attempts (name, made_at);

CREATE INDEX backends_kind ON backends (kind, id);

CREATE INDEX batches_key ON batches (api_key_id, id);

CREATE INDEX batches_look ON batches (booked_at, next_look_at);

CREATE INDEX claims_service ON claims (service_id);

CREATE INDEX config_links_end ON config_links (expires_at);

CREATE INDEX config_links_service ON config_links (service_id, id);

CREATE INDEX conversations_end ON conversations (expires_at);

CREATE INDEX conversations_key ON conversations (api_key_id, updated_at, id);

CREATE INDEX events_actor ON events (actor, id);

CREATE INDEX events_request ON events (request_id) WHERE request_id IS NOT NULL;

CREATE INDEX events_subject ON events (subject, id);

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE INDEX inbox_payment ON inbox (payment_id);

CREATE INDEX inbox_time ON inbox (received_at);

CREATE INDEX invoices_payment ON invoices (payment_id);

CREATE INDEX invoices_user ON invoices (user_id, number);

CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'queued';

CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX jobs_leases ON jobs (lease_until) WHERE state = 'running';

CREATE INDEX jobs_service ON jobs (service_id, id);

CREATE UNIQUE INDEX jobs_service_queued_unique ON jobs (service_id) WHERE state = 'queued';

CREATE UNIQUE INDEX jobs_service_running_unique ON jobs (service_id) WHERE state = 'running';

CREATE INDEX mail_links_end ON mail_links (expires_at);

CREATE INDEX mail_links_user ON mail_links (user_id, purpose);

CREATE INDEX mails_due ON mails (next_at, id) WHERE state = 'waiting';

CREATE INDEX mails_end ON mails (expires_at);

CREATE INDEX mails_state ON mails (state, id);

CREATE INDEX mails_user ON mails (user_id);

CREATE INDEX money_entries_payment ON money_entries (payment_id);

CREATE INDEX money_entries_user ON money_entries (user_id, currency, id);

CREATE INDEX operations_finished ON operations (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX operations_job ON operations (job_id);

CREATE INDEX operations_service ON operations (service_id, id);

CREATE INDEX outbox_due ON outbox (next_at, id) WHERE state = 'waiting';

CREATE INDEX outbox_finished ON outbox (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX outbox_state ON outbox (state, id);

CREATE INDEX payments_plan ON payments (plan_id);

CREATE INDEX payments_status ON payments (status, number);

CREATE INDEX payments_subscription ON payments (subscription_id);

CREATE INDEX payments_user ON payments (user_id, number);

CREATE INDEX personal_tokens_user ON personal_tokens (user_id, id);

CREATE INDEX plans_kind ON plans (kind, number);

CREATE INDEX request_bodies_end ON request_bodies (expires_at);

CREATE INDEX request_bodies_key ON request_bodies (api_key_id, request_id);

CREATE INDEX requests_failed ON requests (status, started_at) WHERE status <> 'success';

CREATE INDEX requests_key_failed ON requests (api_key_id, status, model, started_at) WHERE status <> 'success';

CREATE INDEX requests_key_model_time ON requests (api_key_id, model, started_at);

CREATE INDEX requests_time ON requests (started_at);

CREATE INDEX services_backend ON services (backend_id, id);

CREATE INDEX services_behind ON services (updated_at) WHERE NOT converged;

CREATE INDEX services_kind ON services (kind, id);

CREATE INDEX services_owner ON services (owner_id, number);

CREATE INDEX services_subscription ON services (subscription_id);

CREATE INDEX sessions_end ON sessions (expires_at);

CREATE INDEX sessions_user ON sessions (user_id, created_at);

CREATE INDEX subscriptions_end ON subscriptions (status, ends_at);

CREATE INDEX subscriptions_owner ON subscriptions (owner_id, number);

CREATE INDEX subscriptions_plan ON subscriptions (plan_id);

CREATE INDEX usage_days_day ON usage_days (day);

CREATE INDEX usage_days_user ON usage_days (user_id, day);

CREATE INDEX users_role ON users (role);

CREATE INDEX users_team ON users (team_id);
