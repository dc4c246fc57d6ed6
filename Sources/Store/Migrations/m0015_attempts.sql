-- Attempts at logins and codes, counted for all servers together; and links that confirm a person's next mail address.

CREATE TABLE attempts (
    id TEXT NOT NULL CONSTRAINT attempts_id_unique PRIMARY KEY,
    -- A hash: the name holds a mail address and where somebody came from.
    name @BYTES@ NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX attempts_name ON attempts (name, made_at);
CREATE INDEX attempts_made ON attempts (made_at);

-- @postgres
ALTER TABLE mail_links DROP CONSTRAINT mail_links_purpose_check;
ALTER TABLE mail_links ADD CONSTRAINT mail_links_purpose_check CHECK (purpose IN ('verify_address', 'reset_password', 'change_address'));
-- @end
-- @sqlite
CREATE TABLE mail_links_next (
    id TEXT NOT NULL CONSTRAINT mail_links_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT mail_links_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CONSTRAINT mail_links_purpose_check CHECK (purpose IN ('verify_address', 'reset_password', 'change_address')),
    email TEXT NOT NULL,
    secret_hash @BYTES@ NOT NULL CONSTRAINT mail_links_secret_hash_unique UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
INSERT INTO mail_links_next (id, user_id, purpose, email, secret_hash, created_at, expires_at, used_at)
    SELECT id, user_id, purpose, email, secret_hash, created_at, expires_at, used_at FROM mail_links;
DROP TABLE mail_links;
ALTER TABLE mail_links_next RENAME TO mail_links;
CREATE INDEX mail_links_user ON mail_links (user_id, purpose);
CREATE INDEX mail_links_end ON mail_links (expires_at);
-- @end
