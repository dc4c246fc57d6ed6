-- Places that are told of events, besides those of the settings. Addresses are sealed like secrets, because their paths often are secrets.

CREATE TABLE webhook_targets (
    id TEXT NOT NULL CONSTRAINT webhook_targets_id_unique PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT webhook_targets_name_unique UNIQUE,
    address_sealed @BYTES@ NOT NULL,
    secret_sealed @BYTES@ NOT NULL,
    -- A JSON list of kinds.
    events TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
