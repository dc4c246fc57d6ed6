-- Bodies of the requests of keys that ask for it, sealed, until their time is over.

CREATE TABLE request_bodies (
    request_id TEXT NOT NULL CONSTRAINT request_bodies_id_unique PRIMARY KEY,
    api_key_id TEXT NOT NULL,
    -- Header fields without credentials, what was asked and what was answered: one JSON document.
    content_sealed @BYTES@ NOT NULL,
    -- As they were, before anything was cut off.
    request_bytes BIGINT NOT NULL,
    response_bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX request_bodies_key ON request_bodies (api_key_id, request_id);
CREATE INDEX request_bodies_end ON request_bodies (expires_at);
