-- columns
account_cooldowns.account_id text NOT NULL
account_cooldowns.family text NOT NULL
account_cooldowns.until bigint NOT NULL
account_cooldowns.is_block boolean NOT NULL
account_cooldowns.reason text NOT NULL
account_cooldowns.steps bigint NOT NULL
account_cooldowns.since bigint NOT NULL
account_group_members.group_id text NOT NULL
account_group_members.account_id text NOT NULL
account_groups.id text NOT NULL
account_groups.name text NOT NULL
account_groups.strategy text
account_groups.notes text NOT NULL
account_groups.created_at bigint NOT NULL
account_groups.updated_at bigint NOT NULL
account_health.account_id text NOT NULL
account_health.tested_at bigint
account_health.test_outcome text NOT NULL
account_health.test_detail text NOT NULL
account_health.last_used_at bigint
account_health.windows text NOT NULL
account_tokens.account_id text NOT NULL
account_tokens.token_url text NOT NULL
account_tokens.client_id text NOT NULL
account_tokens.client_secret_sealed bytea
account_tokens.style text NOT NULL
account_tokens.scopes text NOT NULL
account_tokens.refresh_sealed bytea NOT NULL
account_tokens.access_sealed bytea
account_tokens.expires_at bigint
account_tokens.generation bigint NOT NULL
account_tokens.fence bigint NOT NULL
account_tokens.lease_until bigint NOT NULL
account_tokens.failures bigint NOT NULL
account_tokens.next_attempt_at bigint NOT NULL
account_tokens.last_error text NOT NULL
account_tokens.refreshed_at bigint
accounts.id text NOT NULL
accounts.name text NOT NULL
accounts.email text NOT NULL
accounts.kind text NOT NULL
accounts.base_url text NOT NULL
accounts.secret_sealed bytea NOT NULL
accounts.header_style text NOT NULL
accounts.priority bigint NOT NULL
accounts.weight bigint NOT NULL
accounts.max_concurrency bigint
accounts.status text NOT NULL
accounts.status_reason text NOT NULL
accounts.cooldown_until bigint
accounts.model_map text NOT NULL
accounts.model_allow text
accounts.model_deny text
accounts.source text NOT NULL
accounts.source_key text
accounts.created_at bigint NOT NULL
accounts.updated_at bigint NOT NULL
accounts.version bigint NOT NULL
accounts.requests_per_minute bigint
accounts.tokens_per_minute bigint
accounts.cost_per_day_micro_usd bigint
accounts.schedulable boolean NOT NULL DEFAULT true
accounts.notes text NOT NULL DEFAULT ''::text
accounts.expires_at bigint
accounts.abort_policy text NOT NULL DEFAULT 'cut'::text
accounts.withholds_client_fields boolean NOT NULL DEFAULT false
accounts.bills_top_level boolean NOT NULL DEFAULT false
accounts.proxy_sealed bytea
accounts.resets bigint NOT NULL DEFAULT 0
alert_words.subject text NOT NULL
alert_words.word text NOT NULL
alert_words.told_at bigint NOT NULL
api_keys.id text NOT NULL
api_keys.owner_id text
api_keys.name text NOT NULL
api_keys.secret_hash bytea NOT NULL
api_keys.hash_alg text NOT NULL
api_keys.shown_prefix text NOT NULL
api_keys.shown_suffix text NOT NULL
api_keys.requests_per_minute bigint
api_keys.tokens_per_day bigint
api_keys.concurrency bigint
api_keys.cost_per_day_micro_usd bigint
api_keys.allowed_models text
api_keys.status text NOT NULL
api_keys.expires_at bigint
api_keys.created_at bigint NOT NULL
api_keys.last_used_at bigint
api_keys.deleted_at bigint
api_keys.version bigint NOT NULL
api_keys.account_binding text
api_keys.binding_falls_back boolean NOT NULL DEFAULT false
api_keys.description text NOT NULL DEFAULT ''::text
api_keys.tags text NOT NULL DEFAULT '[]'::text
api_keys.limits text NOT NULL DEFAULT '{}'::text
api_keys.access text NOT NULL DEFAULT '{}'::text
api_keys.team_id text
api_keys.activated_at bigint
api_keys.previous_hash bytea
api_keys.previous_until bigint
attempts.id text NOT NULL
attempts.name bytea NOT NULL
attempts.made_at bigint NOT NULL
backends.id text NOT NULL
backends.kind text NOT NULL
backends.name text NOT NULL
backends.address text NOT NULL
backends.settings text NOT NULL
backends.secret_sealed bytea
backends.capacity bigint NOT NULL
backends.status text NOT NULL
backends.braked_at bigint
backends.created_at bigint NOT NULL
backends.updated_at bigint NOT NULL
balances.user_id text NOT NULL
balances.currency text NOT NULL
balances.amount_minor bigint NOT NULL
batches.id text NOT NULL
batches.api_key_id text NOT NULL
batches.key_name text NOT NULL
batches.user_id text
batches.account_id text NOT NULL
batches.created_at bigint NOT NULL
batches.reserved_tokens bigint NOT NULL
batches.reserved_micro_usd bigint NOT NULL
batches.state text NOT NULL
batches.next_look_at bigint NOT NULL
batches.booked_at bigint
batches.deleted_at bigint
batches.is_creating boolean NOT NULL DEFAULT false
batches.reserved_opus_micro_usd bigint NOT NULL DEFAULT 0
change_counters.name text NOT NULL
change_counters.value bigint NOT NULL
claims.kind text NOT NULL
claims.scope text NOT NULL
claims.value text NOT NULL
claims.service_id text
claims.rest_seconds bigint NOT NULL
claims.rests_until bigint
config_links.id text NOT NULL
config_links.service_id text NOT NULL
config_links.secret_hash bytea NOT NULL
config_links.created_at bigint NOT NULL
config_links.expires_at bigint NOT NULL
config_links.used_at bigint
conversations.id text NOT NULL
conversations.api_key_id text NOT NULL
conversations.model text NOT NULL
conversations.turns bigint NOT NULL
conversations.content_sealed bytea NOT NULL
conversations.created_at bigint NOT NULL
conversations.updated_at bigint NOT NULL
conversations.expires_at bigint NOT NULL
events.id text NOT NULL
events.at bigint NOT NULL
events.actor text NOT NULL
events.action text NOT NULL
events.subject text NOT NULL
events.before text
events.after text
events.request_id text
idempotency_keys.actor text NOT NULL
idempotency_keys.route text NOT NULL
idempotency_keys.key text NOT NULL
idempotency_keys.body_digest bytea NOT NULL
idempotency_keys.status bigint
idempotency_keys.response bytea
idempotency_keys.created_at bigint NOT NULL
idempotency_keys.request_id text
inbox.source text NOT NULL
inbox.event_id text NOT NULL
inbox.payment_id text
inbox.kind text NOT NULL
inbox.outcome text NOT NULL
inbox.body_digest bytea NOT NULL
inbox.received_at bigint NOT NULL
invoices.number bigint NOT NULL
invoices.id text NOT NULL
invoices.kind text NOT NULL
invoices.user_id text NOT NULL
invoices.payment_id text NOT NULL
invoices.recipient text NOT NULL
invoices.currency text NOT NULL
invoices.total_minor bigint NOT NULL
invoices.lines text NOT NULL
invoices.issued_at bigint NOT NULL
jobs.id text NOT NULL
jobs.service_id text NOT NULL
jobs.place text NOT NULL
jobs.state text NOT NULL
jobs.attempts bigint NOT NULL
jobs.run_at bigint NOT NULL
jobs.fence bigint NOT NULL
jobs.holder text
jobs.lease_until bigint
jobs.failure text
jobs.created_at bigint NOT NULL
jobs.finished_at bigint
ledger.request_id text NOT NULL
ledger.attempt bigint NOT NULL
ledger.api_key_id text NOT NULL
ledger.user_id text
ledger.account_id text
ledger.model text NOT NULL
ledger.input_tokens bigint NOT NULL
ledger.output_tokens bigint NOT NULL
ledger.cache_write_5m_tokens bigint NOT NULL
ledger.cache_write_1h_tokens bigint NOT NULL
ledger.cache_read_tokens bigint NOT NULL
ledger.web_search_requests bigint NOT NULL
ledger.cost_micro_usd bigint NOT NULL
ledger.price_micro_usd bigint NOT NULL
ledger.price_flags text NOT NULL
ledger.usage_source text NOT NULL
ledger.charged boolean NOT NULL
ledger.at bigint NOT NULL
ledger.day text NOT NULL
ledger.counts_request bigint NOT NULL
mail_links.id text NOT NULL
mail_links.user_id text NOT NULL
mail_links.purpose text NOT NULL
mail_links.email text NOT NULL
mail_links.secret_hash bytea NOT NULL
mail_links.created_at bigint NOT NULL
mail_links.expires_at bigint NOT NULL
mail_links.used_at bigint
mails.id text NOT NULL
mails.kind text NOT NULL
mails.email text NOT NULL
mails.user_id text
mails.language text
mails.facts text NOT NULL
mails.link_id text
mails.state text NOT NULL
mails.attempts bigint NOT NULL
mails.next_at bigint NOT NULL
mails.lease_until bigint
mails.failure text
mails.created_at bigint NOT NULL
mails.expires_at bigint NOT NULL
mails.finished_at bigint
models.id text NOT NULL
models.display_name text
models.max_input_tokens bigint
models.max_output_tokens bigint
models.lifecycle text NOT NULL
models.deprecated_at bigint
models.retires_at bigint
models.version bigint NOT NULL
models.updated_at bigint NOT NULL
money_entries.id text NOT NULL
money_entries.user_id text NOT NULL
money_entries.currency text NOT NULL
money_entries.amount_minor bigint NOT NULL
money_entries.kind text NOT NULL
money_entries.payment_id text
money_entries.note text NOT NULL
money_entries.at bigint NOT NULL
operations.id text NOT NULL
operations.service_id text NOT NULL
operations.job_id text
operations.verb text NOT NULL
operations.actor text NOT NULL
operations.state text NOT NULL
operations.failure text
operations.created_at bigint NOT NULL
operations.finished_at bigint
outbox.id text NOT NULL
outbox.kind text NOT NULL
outbox.subject text NOT NULL
outbox.body text NOT NULL
outbox.state text NOT NULL
outbox.attempts bigint NOT NULL
outbox.next_at bigint NOT NULL
outbox.lease_until bigint
outbox.failure text
outbox.created_at bigint NOT NULL
outbox.finished_at bigint
outbox.told text NOT NULL DEFAULT '[]'::text
payments.number bigint NOT NULL IDENTITY
payments.id text NOT NULL
payments.user_id text NOT NULL
payments.purpose text NOT NULL
payments.plan_id text
payments.subscription_id text
payments.amount_minor bigint NOT NULL
payments.refunded_minor bigint NOT NULL
payments.currency text NOT NULL
payments.status text NOT NULL
payments.provider text NOT NULL
payments.provider_payment_id text
payments.granted_from bigint
payments.granted_until bigint
payments.charged_minor bigint NOT NULL
payments.label text NOT NULL
payments.created_at bigint NOT NULL
payments.updated_at bigint NOT NULL
payments.completed_at bigint
personal_tokens.id text NOT NULL
personal_tokens.user_id text NOT NULL
personal_tokens.name text NOT NULL
personal_tokens.scopes text NOT NULL
personal_tokens.secret_hash bytea NOT NULL
personal_tokens.shown_suffix text NOT NULL
personal_tokens.created_at bigint NOT NULL
personal_tokens.expires_at bigint NOT NULL
personal_tokens.last_used_at bigint
personal_tokens.revoked_at bigint
plans.number bigint NOT NULL IDENTITY
plans.id text NOT NULL
plans.kind text NOT NULL
plans.name text NOT NULL
plans.description text NOT NULL
plans.duration_seconds bigint
plans.price_minor bigint NOT NULL
plans.currency text NOT NULL
plans.limits text NOT NULL
plans.max_services bigint NOT NULL
plans.traffic_limit_bytes bigint
plans.makes_service boolean NOT NULL
plans.status text NOT NULL
plans.created_at bigint NOT NULL
plans.updated_at bigint NOT NULL
prices.version bigint NOT NULL
prices.model text NOT NULL
prices.effective_from bigint NOT NULL
prices.prompt_over bigint NOT NULL
prices.input bigint NOT NULL
prices.output bigint NOT NULL
prices.cache_write_5m bigint NOT NULL
prices.cache_write_1h bigint NOT NULL
prices.cache_read bigint NOT NULL
prices.source text NOT NULL
prices.created_at bigint NOT NULL
recovery_codes.user_id text NOT NULL
recovery_codes.code_hash bytea NOT NULL
recovery_codes.used_at bigint
request_bodies.request_id text NOT NULL
request_bodies.api_key_id text NOT NULL
request_bodies.content_sealed bytea NOT NULL
request_bodies.request_bytes bigint NOT NULL
request_bodies.response_bytes bigint NOT NULL
request_bodies.created_at bigint NOT NULL
request_bodies.expires_at bigint NOT NULL
requests.id text NOT NULL
requests.api_key_id text NOT NULL
requests.key_name text NOT NULL
requests.user_id text
requests.account_id text
requests.model text NOT NULL
requests.path text NOT NULL
requests.dialect text NOT NULL
requests.stream boolean NOT NULL
requests.status text NOT NULL
requests.http_status bigint
requests.error_type text
requests.started_at bigint NOT NULL
requests.duration_ms bigint
requests.ttft_ms bigint
requests.attempts bigint NOT NULL
requests.input_tokens bigint NOT NULL
requests.output_tokens bigint NOT NULL
requests.cache_write_5m_tokens bigint NOT NULL
requests.cache_write_1h_tokens bigint NOT NULL
requests.cache_read_tokens bigint NOT NULL
requests.total_tokens bigint NOT NULL
requests.web_search_requests bigint NOT NULL
requests.cost_micro_usd bigint NOT NULL
requests.price_micro_usd bigint NOT NULL
requests.usage_source text
requests.upstream_request_id text
schema_migrations.version bigint NOT NULL
schema_migrations.name text NOT NULL
schema_migrations.checksum text NOT NULL
schema_migrations.applied_at bigint NOT NULL
sealed_secrets.name text NOT NULL
sealed_secrets.value bytea NOT NULL
sealed_secrets.key_id text NOT NULL
sealed_secrets.created_at bigint NOT NULL
sealed_secrets.updated_at bigint NOT NULL
second_factors.user_id text NOT NULL
second_factors.secret_sealed bytea NOT NULL
second_factors.last_step bigint NOT NULL
second_factors.created_at bigint NOT NULL
second_factors.confirmed_at bigint
service_meters.service_id text NOT NULL
service_meters.last_received bigint NOT NULL
service_meters.last_sent bigint NOT NULL
service_meters.total_received bigint NOT NULL
service_meters.total_sent bigint NOT NULL
service_meters.period_base bigint NOT NULL
service_meters.period_started_at bigint NOT NULL
service_meters.handshake_at bigint
service_meters.sampled_at bigint NOT NULL
services.number bigint NOT NULL IDENTITY
services.id text NOT NULL
services.subscription_id text
services.owner_id text
services.kind text NOT NULL
services.backend_id text
services.label text NOT NULL
services.desired text NOT NULL
services.actual text NOT NULL
services.wanted_revision bigint NOT NULL
services.applied_revision bigint NOT NULL
services.converged boolean NOT NULL
services.limits text NOT NULL
services.options text NOT NULL
services.choices text NOT NULL
services.details text NOT NULL
services.secret_sealed bytea
services.failure text
services.made_at bigint
services.created_at bigint NOT NULL
services.updated_at bigint NOT NULL
services.ended_at bigint
sessions.id text NOT NULL
sessions.user_id text NOT NULL
sessions.kind text NOT NULL
sessions.created_at bigint NOT NULL
sessions.expires_at bigint NOT NULL
sessions.revoked_at bigint
sessions.user_agent text NOT NULL
sessions.proven_at bigint NOT NULL DEFAULT 0
subscriptions.number bigint NOT NULL IDENTITY
subscriptions.id text NOT NULL
subscriptions.owner_id text NOT NULL
subscriptions.plan_id text NOT NULL
subscriptions.status text NOT NULL
subscriptions.billing text NOT NULL
subscriptions.currency text NOT NULL
subscriptions.started_at bigint NOT NULL
subscriptions.ends_at bigint
subscriptions.reminded_days bigint
subscriptions.created_at bigint NOT NULL
subscriptions.updated_at bigint NOT NULL
suspensions.service_id text NOT NULL
suspensions.reason text NOT NULL
suspensions.authority text NOT NULL
suspensions.since bigint NOT NULL
taken_over.source text NOT NULL
taken_over.kind text NOT NULL
taken_over.foreign_id bigint NOT NULL
taken_over.our_id text NOT NULL
taken_over.taken_at bigint NOT NULL
teams.id text NOT NULL
teams.name text NOT NULL
teams.limits text NOT NULL
teams.created_at bigint NOT NULL
teams.updated_at bigint NOT NULL
teams.access text NOT NULL DEFAULT '{}'::text
teams.first_used_at bigint
usage_days.api_key_id text NOT NULL
usage_days.day text NOT NULL
usage_days.model text NOT NULL
usage_days.user_id text
usage_days.requests bigint NOT NULL
usage_days.input_tokens bigint NOT NULL
usage_days.output_tokens bigint NOT NULL
usage_days.cache_write_5m_tokens bigint NOT NULL
usage_days.cache_write_1h_tokens bigint NOT NULL
usage_days.cache_read_tokens bigint NOT NULL
usage_days.web_search_requests bigint NOT NULL
usage_days.cost_micro_usd bigint NOT NULL
usage_days.price_micro_usd bigint NOT NULL
users.number bigint NOT NULL IDENTITY
users.id text NOT NULL
users.email text NOT NULL
users.name text NOT NULL
users.role text NOT NULL
users.password_hash text NOT NULL
users.status text NOT NULL
users.created_at bigint NOT NULL
users.updated_at bigint NOT NULL
users.last_login_at bigint
users.requests_per_minute bigint
users.tokens_per_day bigint
users.concurrency bigint
users.cost_per_day_micro_usd bigint
users.maximum_keys bigint
users.limits text NOT NULL DEFAULT '{}'::text
users.team_id text
users.language text NOT NULL DEFAULT 'en'::text
users.email_verified_at bigint
users.maximum_services bigint
users.access text NOT NULL DEFAULT '{}'::text
users.first_used_at bigint
webhook_targets.id text NOT NULL
webhook_targets.name text NOT NULL
webhook_targets.address_sealed bytea NOT NULL
webhook_targets.secret_sealed bytea NOT NULL
webhook_targets.events text NOT NULL
webhook_targets.is_enabled boolean NOT NULL
webhook_targets.created_at bigint NOT NULL
webhook_targets.updated_at bigint NOT NULL
webhook_targets.disabled_at bigint
webhook_targets.disabled_reason text

-- constraints
account_cooldowns account_cooldowns_account_id_family_unique PRIMARY KEY (account_id, family)
account_cooldowns account_cooldowns_account_reference FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE
account_group_members account_group_members_account_reference FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE
account_group_members account_group_members_group_id_account_id_unique PRIMARY KEY (group_id, account_id)
account_group_members account_group_members_group_reference FOREIGN KEY (group_id) REFERENCES account_groups(id) ON DELETE CASCADE
account_groups account_groups_id_unique PRIMARY KEY (id)
account_groups account_groups_name_unique UNIQUE (name)
account_groups account_groups_strategy_check CHECK ((strategy = ANY (ARRAY['headroom'::text, 'least_inflight'::text, 'weighted'::text, 'round_robin'::text, 'oldest_used'::text])))
account_health account_health_account_id_unique PRIMARY KEY (account_id)
account_health account_health_account_reference FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE
account_tokens account_tokens_account_id_unique PRIMARY KEY (account_id)
account_tokens account_tokens_account_reference FOREIGN KEY (account_id) REFERENCES accounts(id) ON DELETE CASCADE
account_tokens account_tokens_style_check CHECK ((style = ANY (ARRAY['json'::text, 'form'::text])))
accounts accounts_abort_policy_check CHECK ((abort_policy = ANY (ARRAY['cut'::text, 'drain'::text])))
accounts accounts_cost_per_day_check CHECK ((cost_per_day_micro_usd >= 0))
accounts accounts_header_style_check CHECK ((header_style = ANY (ARRAY['x-api-key'::text, 'authorization-bearer'::text])))
accounts accounts_id_unique PRIMARY KEY (id)
accounts accounts_kind_check CHECK ((kind = ANY (ARRAY['api_key'::text, 'bearer'::text, 'oauth'::text, 'cli'::text])))
accounts accounts_max_concurrency_check CHECK ((max_concurrency >= 1))
accounts accounts_priority_check CHECK (((priority >= 1) AND (priority <= 100)))
accounts accounts_requests_per_minute_check CHECK ((requests_per_minute >= 1))
accounts accounts_source_check CHECK ((source = ANY (ARRAY['env'::text, 'operator'::text])))
accounts accounts_source_key_unique UNIQUE (source_key)
accounts accounts_status_check CHECK ((status = ANY (ARRAY['active'::text, 'cooling'::text, 'needs_reauth'::text, 'blocked'::text, 'disabled'::text])))
accounts accounts_tokens_per_minute_check CHECK ((tokens_per_minute >= 1))
accounts accounts_weight_check CHECK ((weight >= 1))
alert_words alert_words_subject_unique PRIMARY KEY (subject)
api_keys api_keys_concurrency_check CHECK ((concurrency >= 0))
api_keys api_keys_cost_per_day_check CHECK ((cost_per_day_micro_usd >= 0))
api_keys api_keys_id_unique PRIMARY KEY (id)
api_keys api_keys_owner_id_reference FOREIGN KEY (owner_id) REFERENCES users(id)
api_keys api_keys_requests_per_minute_check CHECK ((requests_per_minute >= 0))
api_keys api_keys_secret_hash_unique UNIQUE (secret_hash)
api_keys api_keys_status_check CHECK ((status = ANY (ARRAY['active'::text, 'disabled'::text])))
api_keys api_keys_team_id_reference FOREIGN KEY (team_id) REFERENCES teams(id)
api_keys api_keys_tokens_per_day_check CHECK ((tokens_per_day >= 0))
attempts attempts_id_unique PRIMARY KEY (id)
backends backends_capacity_check CHECK ((capacity >= 0))
backends backends_id_unique PRIMARY KEY (id)
backends backends_name_unique UNIQUE (name)
backends backends_status_check CHECK ((status = ANY (ARRAY['active'::text, 'draining'::text, 'disabled'::text])))
balances balances_user_id_currency_unique PRIMARY KEY (user_id, currency)
balances balances_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id)
batches batches_id_unique PRIMARY KEY (id)
change_counters change_counters_name_unique PRIMARY KEY (name)
claims claims_kind_scope_value_unique PRIMARY KEY (kind, scope, value)
claims claims_service_id_reference FOREIGN KEY (service_id) REFERENCES services(id)
config_links config_links_id_unique PRIMARY KEY (id)
config_links config_links_secret_hash_unique UNIQUE (secret_hash)
config_links config_links_service_id_reference FOREIGN KEY (service_id) REFERENCES services(id) ON DELETE CASCADE
conversations conversations_id_unique PRIMARY KEY (id)
events events_id_unique PRIMARY KEY (id)
idempotency_keys idempotency_keys_actor_route_key_unique PRIMARY KEY (actor, route, key)
inbox inbox_source_event_id_unique PRIMARY KEY (source, event_id)
invoices invoices_id_unique UNIQUE (id)
invoices invoices_kind_check CHECK ((kind = ANY (ARRAY['invoice'::text, 'credit_note'::text])))
invoices invoices_number_unique PRIMARY KEY (number)
invoices invoices_payment_id_reference FOREIGN KEY (payment_id) REFERENCES payments(id)
invoices invoices_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id)
jobs jobs_id_unique PRIMARY KEY (id)
jobs jobs_service_id_reference FOREIGN KEY (service_id) REFERENCES services(id)
jobs jobs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text, 'replaced'::text])))
ledger ledger_attempt_check CHECK ((attempt >= 1))
ledger ledger_cache_read_check CHECK ((cache_read_tokens >= 0))
ledger ledger_cache_write_1h_check CHECK ((cache_write_1h_tokens >= 0))
ledger ledger_cache_write_5m_check CHECK ((cache_write_5m_tokens >= 0))
ledger ledger_cost_check CHECK ((cost_micro_usd >= 0))
ledger ledger_input_check CHECK ((input_tokens >= 0))
ledger ledger_output_check CHECK ((output_tokens >= 0))
ledger ledger_price_check CHECK ((price_micro_usd >= 0))
ledger ledger_request_id_attempt_unique PRIMARY KEY (request_id, attempt)
ledger ledger_usage_source_check CHECK (((usage_source = 'final'::text) OR (usage_source = 'snapshot'::text) OR (usage_source = 'estimated'::text) OR (usage_source = 'unparsed'::text)))
ledger ledger_web_search_check CHECK ((web_search_requests >= 0))
mail_links mail_links_id_unique PRIMARY KEY (id)
mail_links mail_links_purpose_check CHECK ((purpose = ANY (ARRAY['verify_address'::text, 'reset_password'::text, 'change_address'::text])))
mail_links mail_links_secret_hash_unique UNIQUE (secret_hash)
mail_links mail_links_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
mails mails_id_unique PRIMARY KEY (id)
mails mails_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'dead'::text])))
mails mails_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
models models_id_unique PRIMARY KEY (id)
models models_lifecycle_check CHECK ((lifecycle = ANY (ARRAY['active'::text, 'deprecated'::text, 'retired'::text])))
models models_max_input_tokens_check CHECK ((max_input_tokens >= 1))
models models_max_output_tokens_check CHECK ((max_output_tokens >= 1))
models models_version_unique UNIQUE (version)
money_entries money_entries_id_unique PRIMARY KEY (id)
money_entries money_entries_kind_check CHECK ((kind = ANY (ARRAY['payment'::text, 'charge'::text, 'refund'::text, 'reversal'::text, 'adjustment'::text])))
money_entries money_entries_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id)
operations operations_id_unique PRIMARY KEY (id)
operations operations_service_id_reference FOREIGN KEY (service_id) REFERENCES services(id)
operations operations_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'done'::text, 'failed'::text, 'replaced'::text])))
outbox outbox_id_unique PRIMARY KEY (id)
outbox outbox_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'dead'::text])))
payments payments_amount_minor_check CHECK ((amount_minor >= 0))
payments payments_id_unique UNIQUE (id)
payments payments_number_unique PRIMARY KEY (number)
payments payments_plan_id_reference FOREIGN KEY (plan_id) REFERENCES plans(id)
payments payments_provider_provider_payment_id_unique UNIQUE (provider, provider_payment_id)
payments payments_purpose_check CHECK ((purpose = ANY (ARRAY['purchase'::text, 'upgrade'::text, 'credit'::text])))
payments payments_refunded_minor_check CHECK (((refunded_minor >= 0) AND (refunded_minor <= amount_minor)))
payments payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'completed'::text, 'failed'::text, 'refunded'::text])))
payments payments_subscription_id_reference FOREIGN KEY (subscription_id) REFERENCES subscriptions(id)
payments payments_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id)
personal_tokens personal_tokens_id_unique PRIMARY KEY (id)
personal_tokens personal_tokens_secret_hash_unique UNIQUE (secret_hash)
personal_tokens personal_tokens_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
plans plans_duration_seconds_check CHECK ((duration_seconds > 0))
plans plans_id_unique UNIQUE (id)
plans plans_max_services_check CHECK ((max_services >= 0))
plans plans_name_unique UNIQUE (name)
plans plans_number_unique PRIMARY KEY (number)
plans plans_price_minor_check CHECK ((price_minor >= 0))
plans plans_status_check CHECK ((status = ANY (ARRAY['active'::text, 'retired'::text])))
plans plans_traffic_limit_check CHECK ((traffic_limit_bytes >= 0))
prices prices_cache_read_check CHECK ((cache_read >= 0))
prices prices_cache_write_1h_check CHECK ((cache_write_1h >= 0))
prices prices_cache_write_5m_check CHECK ((cache_write_5m >= 0))
prices prices_input_check CHECK ((input >= 0))
prices prices_output_check CHECK ((output >= 0))
prices prices_prompt_over_check CHECK ((prompt_over >= 0))
prices prices_version_unique PRIMARY KEY (version)
recovery_codes recovery_codes_user_id_code_hash_unique PRIMARY KEY (user_id, code_hash)
recovery_codes recovery_codes_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
request_bodies request_bodies_id_unique PRIMARY KEY (request_id)
requests requests_id_unique PRIMARY KEY (id)
requests requests_status_check CHECK (((status = 'success'::text) OR (status = 'error'::text) OR (status = 'aborted'::text) OR (status = 'pending'::text)))
requests requests_usage_source_check CHECK (((usage_source = 'final'::text) OR (usage_source = 'snapshot'::text) OR (usage_source = 'estimated'::text) OR (usage_source = 'unparsed'::text)))
schema_migrations schema_migrations_version_unique PRIMARY KEY (version)
sealed_secrets sealed_secrets_name_unique PRIMARY KEY (name)
second_factors second_factors_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
second_factors second_factors_user_id_unique PRIMARY KEY (user_id)
service_meters service_meters_service_id_reference FOREIGN KEY (service_id) REFERENCES services(id) ON DELETE CASCADE
service_meters service_meters_service_id_unique PRIMARY KEY (service_id)
services services_actual_check CHECK ((actual = ANY (ARRAY['absent'::text, 'active'::text, 'suspended'::text, 'gone'::text, 'unknown'::text])))
services services_backend_id_reference FOREIGN KEY (backend_id) REFERENCES backends(id)
services services_desired_check CHECK ((desired = ANY (ARRAY['active'::text, 'suspended'::text, 'terminated'::text])))
services services_id_unique UNIQUE (id)
services services_number_unique PRIMARY KEY (number)
services services_owner_id_reference FOREIGN KEY (owner_id) REFERENCES users(id)
services services_subscription_id_reference FOREIGN KEY (subscription_id) REFERENCES subscriptions(id)
sessions sessions_id_unique PRIMARY KEY (id)
sessions sessions_kind_check CHECK ((kind = ANY (ARRAY['bearer'::text, 'cookie'::text])))
sessions sessions_user_id_reference FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
subscriptions subscriptions_billing_check CHECK ((billing = ANY (ARRAY['own'::text, 'whmcs'::text])))
subscriptions subscriptions_id_unique UNIQUE (id)
subscriptions subscriptions_number_unique PRIMARY KEY (number)
subscriptions subscriptions_owner_id_plan_id_started_at_unique UNIQUE (owner_id, plan_id, started_at)
subscriptions subscriptions_owner_id_reference FOREIGN KEY (owner_id) REFERENCES users(id)
subscriptions subscriptions_plan_id_reference FOREIGN KEY (plan_id) REFERENCES plans(id)
subscriptions subscriptions_status_check CHECK ((status = ANY (ARRAY['active'::text, 'expired'::text, 'ended'::text])))
suspensions suspensions_authority_check CHECK ((authority = ANY (ARRAY['billing'::text, 'metering'::text, 'whmcs'::text, 'operator'::text])))
suspensions suspensions_reason_check CHECK ((reason = ANY (ARRAY['payment'::text, 'quota'::text, 'expired'::text, 'abuse'::text, 'operator'::text])))
suspensions suspensions_service_id_reason_authority_unique PRIMARY KEY (service_id, reason, authority)
suspensions suspensions_service_id_reference FOREIGN KEY (service_id) REFERENCES services(id) ON DELETE CASCADE
taken_over taken_over_source_kind_foreign_id_unique PRIMARY KEY (source, kind, foreign_id)
teams teams_id_unique PRIMARY KEY (id)
teams teams_name_unique UNIQUE (name)
usage_days usage_days_api_key_id_day_model_unique PRIMARY KEY (api_key_id, day, model)
users users_concurrency_check CHECK ((concurrency >= 0))
users users_cost_per_day_check CHECK ((cost_per_day_micro_usd >= 0))
users users_email_check CHECK ((email = lower(email)))
users users_email_unique UNIQUE (email)
users users_id_unique UNIQUE (id)
users users_maximum_keys_check CHECK ((maximum_keys >= 0))
users users_maximum_services_check CHECK ((maximum_services >= 0))
users users_number_unique PRIMARY KEY (number)
users users_requests_per_minute_check CHECK ((requests_per_minute >= 0))
users users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'support'::text, 'customer'::text])))
users users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'blocked'::text])))
users users_team_id_reference FOREIGN KEY (team_id) REFERENCES teams(id)
users users_tokens_per_day_check CHECK ((tokens_per_day >= 0))
webhook_targets webhook_targets_id_unique PRIMARY KEY (id)
webhook_targets webhook_targets_name_unique UNIQUE (name)

-- indexes
CREATE UNIQUE INDEX account_cooldowns_account_id_family_unique ON public.account_cooldowns USING btree (account_id, family)
CREATE INDEX account_group_members_account ON public.account_group_members USING btree (account_id)
CREATE UNIQUE INDEX account_group_members_group_id_account_id_unique ON public.account_group_members USING btree (group_id, account_id)
CREATE UNIQUE INDEX account_groups_id_unique ON public.account_groups USING btree (id)
CREATE UNIQUE INDEX account_groups_name_unique ON public.account_groups USING btree (name)
CREATE UNIQUE INDEX account_health_account_id_unique ON public.account_health USING btree (account_id)
CREATE UNIQUE INDEX account_tokens_account_id_unique ON public.account_tokens USING btree (account_id)
CREATE UNIQUE INDEX accounts_id_unique ON public.accounts USING btree (id)
CREATE UNIQUE INDEX accounts_source_key_unique ON public.accounts USING btree (source_key)
CREATE UNIQUE INDEX alert_words_subject_unique ON public.alert_words USING btree (subject)
CREATE UNIQUE INDEX api_keys_id_unique ON public.api_keys USING btree (id)
CREATE INDEX api_keys_owner ON public.api_keys USING btree (owner_id, id)
CREATE UNIQUE INDEX api_keys_secret_hash_unique ON public.api_keys USING btree (secret_hash)
CREATE INDEX api_keys_team ON public.api_keys USING btree (team_id)
CREATE INDEX api_keys_version ON public.api_keys USING btree (version)
CREATE UNIQUE INDEX attempts_id_unique ON public.attempts USING btree (id)
CREATE INDEX attempts_made ON public.attempts USING btree (made_at)
CREATE INDEX attempts_name ON public.attempts USING btree (name, made_at)
CREATE UNIQUE INDEX backends_id_unique ON public.backends USING btree (id)
CREATE INDEX backends_kind ON public.backends USING btree (kind, id)
CREATE UNIQUE INDEX backends_name_unique ON public.backends USING btree (name)
CREATE UNIQUE INDEX balances_user_id_currency_unique ON public.balances USING btree (user_id, currency)
CREATE UNIQUE INDEX batches_id_unique ON public.batches USING btree (id)
CREATE INDEX batches_key ON public.batches USING btree (api_key_id, id)
CREATE INDEX batches_look ON public.batches USING btree (booked_at, next_look_at)
CREATE UNIQUE INDEX change_counters_name_unique ON public.change_counters USING btree (name)
CREATE UNIQUE INDEX claims_kind_scope_value_unique ON public.claims USING btree (kind, scope, value)
CREATE INDEX claims_service ON public.claims USING btree (service_id)
CREATE INDEX config_links_end ON public.config_links USING btree (expires_at)
CREATE UNIQUE INDEX config_links_id_unique ON public.config_links USING btree (id)
CREATE UNIQUE INDEX config_links_secret_hash_unique ON public.config_links USING btree (secret_hash)
CREATE INDEX config_links_service ON public.config_links USING btree (service_id, id)
CREATE INDEX conversations_end ON public.conversations USING btree (expires_at)
CREATE UNIQUE INDEX conversations_id_unique ON public.conversations USING btree (id)
CREATE INDEX conversations_key ON public.conversations USING btree (api_key_id, updated_at, id)
CREATE INDEX events_actor ON public.events USING btree (actor, id)
CREATE UNIQUE INDEX events_id_unique ON public.events USING btree (id)
CREATE INDEX events_request ON public.events USING btree (request_id) WHERE (request_id IS NOT NULL)
CREATE INDEX events_subject ON public.events USING btree (subject, id)
CREATE UNIQUE INDEX idempotency_keys_actor_route_key_unique ON public.idempotency_keys USING btree (actor, route, key)
CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at)
CREATE INDEX inbox_payment ON public.inbox USING btree (payment_id)
CREATE UNIQUE INDEX inbox_source_event_id_unique ON public.inbox USING btree (source, event_id)
CREATE INDEX inbox_time ON public.inbox USING btree (received_at)
CREATE UNIQUE INDEX invoices_id_unique ON public.invoices USING btree (id)
CREATE UNIQUE INDEX invoices_number_unique ON public.invoices USING btree (number)
CREATE INDEX invoices_payment ON public.invoices USING btree (payment_id)
CREATE INDEX invoices_user ON public.invoices USING btree (user_id, number)
CREATE INDEX jobs_due ON public.jobs USING btree (run_at, id) WHERE (state = 'queued'::text)
CREATE INDEX jobs_finished ON public.jobs USING btree (finished_at) WHERE (finished_at IS NOT NULL)
CREATE UNIQUE INDEX jobs_id_unique ON public.jobs USING btree (id)
CREATE INDEX jobs_leases ON public.jobs USING btree (lease_until) WHERE (state = 'running'::text)
CREATE INDEX jobs_service ON public.jobs USING btree (service_id, id)
CREATE UNIQUE INDEX jobs_service_queued_unique ON public.jobs USING btree (service_id) WHERE (state = 'queued'::text)
CREATE UNIQUE INDEX jobs_service_running_unique ON public.jobs USING btree (service_id) WHERE (state = 'running'::text)
CREATE UNIQUE INDEX ledger_request_id_attempt_unique ON public.ledger USING btree (request_id, attempt)
CREATE INDEX mail_links_end ON public.mail_links USING btree (expires_at)
CREATE UNIQUE INDEX mail_links_id_unique ON public.mail_links USING btree (id)
CREATE UNIQUE INDEX mail_links_secret_hash_unique ON public.mail_links USING btree (secret_hash)
CREATE INDEX mail_links_user ON public.mail_links USING btree (user_id, purpose)
CREATE INDEX mails_due ON public.mails USING btree (next_at, id) WHERE (state = 'waiting'::text)
CREATE INDEX mails_end ON public.mails USING btree (expires_at)
CREATE UNIQUE INDEX mails_id_unique ON public.mails USING btree (id)
CREATE INDEX mails_state ON public.mails USING btree (state, id)
CREATE INDEX mails_user ON public.mails USING btree (user_id)
CREATE UNIQUE INDEX models_id_unique ON public.models USING btree (id)
CREATE UNIQUE INDEX models_version_unique ON public.models USING btree (version)
CREATE UNIQUE INDEX money_entries_id_unique ON public.money_entries USING btree (id)
CREATE INDEX money_entries_payment ON public.money_entries USING btree (payment_id)
CREATE INDEX money_entries_user ON public.money_entries USING btree (user_id, currency, id)
CREATE INDEX operations_finished ON public.operations USING btree (finished_at) WHERE (finished_at IS NOT NULL)
CREATE UNIQUE INDEX operations_id_unique ON public.operations USING btree (id)
CREATE INDEX operations_job ON public.operations USING btree (job_id)
CREATE INDEX operations_service ON public.operations USING btree (service_id, id)
CREATE INDEX outbox_due ON public.outbox USING btree (next_at, id) WHERE (state = 'waiting'::text)
CREATE INDEX outbox_finished ON public.outbox USING btree (finished_at) WHERE (finished_at IS NOT NULL)
CREATE UNIQUE INDEX outbox_id_unique ON public.outbox USING btree (id)
CREATE INDEX outbox_state ON public.outbox USING btree (state, id)
CREATE UNIQUE INDEX payments_id_unique ON public.payments USING btree (id)
CREATE UNIQUE INDEX payments_number_unique ON public.payments USING btree (number)
CREATE INDEX payments_plan ON public.payments USING btree (plan_id)
CREATE UNIQUE INDEX payments_provider_provider_payment_id_unique ON public.payments USING btree (provider, provider_payment_id)
CREATE INDEX payments_status ON public.payments USING btree (status, number)
CREATE INDEX payments_subscription ON public.payments USING btree (subscription_id)
CREATE INDEX payments_user ON public.payments USING btree (user_id, number)
CREATE UNIQUE INDEX personal_tokens_id_unique ON public.personal_tokens USING btree (id)
CREATE UNIQUE INDEX personal_tokens_secret_hash_unique ON public.personal_tokens USING btree (secret_hash)
CREATE INDEX personal_tokens_user ON public.personal_tokens USING btree (user_id, id)
CREATE UNIQUE INDEX plans_id_unique ON public.plans USING btree (id)
CREATE INDEX plans_kind ON public.plans USING btree (kind, number)
CREATE UNIQUE INDEX plans_name_unique ON public.plans USING btree (name)
CREATE UNIQUE INDEX plans_number_unique ON public.plans USING btree (number)
CREATE UNIQUE INDEX prices_version_unique ON public.prices USING btree (version)
CREATE UNIQUE INDEX recovery_codes_user_id_code_hash_unique ON public.recovery_codes USING btree (user_id, code_hash)
CREATE INDEX request_bodies_end ON public.request_bodies USING btree (expires_at)
CREATE UNIQUE INDEX request_bodies_id_unique ON public.request_bodies USING btree (request_id)
CREATE INDEX request_bodies_key ON public.request_bodies USING btree (api_key_id, request_id)
CREATE INDEX requests_failed ON public.requests USING btree (status, started_at) WHERE (status <> 'success'::text)
CREATE UNIQUE INDEX requests_id_unique ON public.requests USING btree (id)
CREATE INDEX requests_key_failed ON public.requests USING btree (api_key_id, status, model, started_at) WHERE (status <> 'success'::text)
CREATE INDEX requests_key_model_time ON public.requests USING btree (api_key_id, model, started_at)
CREATE INDEX requests_time ON public.requests USING btree (started_at)
CREATE UNIQUE INDEX schema_migrations_version_unique ON public.schema_migrations USING btree (version)
CREATE UNIQUE INDEX sealed_secrets_name_unique ON public.sealed_secrets USING btree (name)
CREATE UNIQUE INDEX second_factors_user_id_unique ON public.second_factors USING btree (user_id)
CREATE UNIQUE INDEX service_meters_service_id_unique ON public.service_meters USING btree (service_id)
CREATE INDEX services_backend ON public.services USING btree (backend_id, id)
CREATE INDEX services_behind ON public.services USING btree (updated_at) WHERE (NOT converged)
CREATE UNIQUE INDEX services_id_unique ON public.services USING btree (id)
CREATE INDEX services_kind ON public.services USING btree (kind, id)
CREATE UNIQUE INDEX services_number_unique ON public.services USING btree (number)
CREATE INDEX services_owner ON public.services USING btree (owner_id, number)
CREATE INDEX services_subscription ON public.services USING btree (subscription_id)
CREATE INDEX sessions_end ON public.sessions USING btree (expires_at)
CREATE UNIQUE INDEX sessions_id_unique ON public.sessions USING btree (id)
CREATE INDEX sessions_user ON public.sessions USING btree (user_id, created_at)
CREATE INDEX subscriptions_end ON public.subscriptions USING btree (status, ends_at)
CREATE UNIQUE INDEX subscriptions_id_unique ON public.subscriptions USING btree (id)
CREATE UNIQUE INDEX subscriptions_number_unique ON public.subscriptions USING btree (number)
CREATE INDEX subscriptions_owner ON public.subscriptions USING btree (owner_id, number)
CREATE UNIQUE INDEX subscriptions_owner_id_plan_id_started_at_unique ON public.subscriptions USING btree (owner_id, plan_id, started_at)
CREATE INDEX subscriptions_plan ON public.subscriptions USING btree (plan_id)
CREATE UNIQUE INDEX suspensions_service_id_reason_authority_unique ON public.suspensions USING btree (service_id, reason, authority)
CREATE UNIQUE INDEX taken_over_source_kind_foreign_id_unique ON public.taken_over USING btree (source, kind, foreign_id)
CREATE UNIQUE INDEX teams_id_unique ON public.teams USING btree (id)
CREATE UNIQUE INDEX teams_name_unique ON public.teams USING btree (name)
CREATE UNIQUE INDEX usage_days_api_key_id_day_model_unique ON public.usage_days USING btree (api_key_id, day, model)
CREATE INDEX usage_days_day ON public.usage_days USING btree (day)
CREATE INDEX usage_days_user ON public.usage_days USING btree (user_id, day)
CREATE UNIQUE INDEX users_email_unique ON public.users USING btree (email)
CREATE UNIQUE INDEX users_id_unique ON public.users USING btree (id)
CREATE UNIQUE INDEX users_number_unique ON public.users USING btree (number)
CREATE INDEX users_role ON public.users USING btree (role)
CREATE INDEX users_team ON public.users USING btree (team_id)
CREATE UNIQUE INDEX webhook_targets_id_unique ON public.webhook_targets USING btree (id)
CREATE UNIQUE INDEX webhook_targets_name_unique ON public.webhook_targets USING btree (name)

-- triggers
CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE TRIGGER invoices_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.invoices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE TRIGGER ledger_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE TRIGGER money_entries_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.money_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
CREATE TRIGGER prices_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.prices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
