-- Credentials that people make for their programs. Only a hash of the secret is kept.

CREATE TABLE personal_tokens (
    id TEXT NOT NULL CONSTRAINT personal_tokens_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT personal_tokens_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secret_hash @BYTES@ NOT NULL CONSTRAINT personal_tokens_secret_hash_unique UNIQUE,
    shown_suffix TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX personal_tokens_user ON personal_tokens (user_id, id);
