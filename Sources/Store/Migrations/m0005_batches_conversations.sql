-- Which account a message batch lives at and whose it is, and the conversations of the simple chat interface.

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
);
CREATE INDEX batches_key ON batches (api_key_id, id);
CREATE INDEX batches_look ON batches (booked_at, next_look_at);

CREATE TABLE conversations (
    id TEXT NOT NULL CONSTRAINT conversations_id_unique PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    turns BIGINT NOT NULL,
    -- System text and turns, sealed.
    content_sealed @BYTES@ NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX conversations_key ON conversations (api_key_id, updated_at, id);
CREATE INDEX conversations_end ON conversations (expires_at);
