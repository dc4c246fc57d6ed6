-- A second factor: time-based one-time codes (RFC 6238), and codes on paper for the day when the device is gone.

CREATE TABLE second_factors (
    user_id TEXT NOT NULL CONSTRAINT second_factors_user_id_unique PRIMARY KEY
        CONSTRAINT second_factors_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    secret_sealed @BYTES@ NOT NULL,
    -- The number of the last 30 seconds whose code was used; neither it nor one before is taken again.
    last_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL: begun and not yet shown to work, so nobody is asked for it.
    confirmed_at BIGINT
);

CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL CONSTRAINT recovery_codes_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    code_hash @BYTES@ NOT NULL,
    used_at BIGINT,
    CONSTRAINT recovery_codes_user_id_code_hash_unique PRIMARY KEY (user_id, code_hash)
);

-- When its person last showed who they are: at the login, or since.
ALTER TABLE sessions ADD COLUMN proven_at BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET proven_at = created_at;
