-- Mail to people: what is to be sent, the links inside, and whether an address was shown to be its person's.

ALTER TABLE users ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;
ALTER TABLE users ADD COLUMN maximum_services BIGINT CONSTRAINT users_maximum_services_check CHECK (maximum_services >= 0);
-- Who was let in before there was a question is not asked afterwards.
UPDATE users SET email_verified_at = created_at;

-- What a link opens. Its secret is nowhere; the hash finds the row.
CREATE TABLE mail_links (
    id TEXT NOT NULL CONSTRAINT mail_links_id_unique PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT mail_links_user_id_reference REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CONSTRAINT mail_links_purpose_check CHECK (purpose IN ('verify_address', 'reset_password')),
    email TEXT NOT NULL,
    secret_hash @BYTES@ NOT NULL CONSTRAINT mail_links_secret_hash_unique UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX mail_links_user ON mail_links (user_id, purpose);
CREATE INDEX mail_links_end ON mail_links (expires_at);

-- The outbox of mails. A row that asks for a link names an address only: whether somebody has it is looked up when it is sent.
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
CREATE INDEX mails_due ON mails (next_at, id) WHERE state = 'waiting';
CREATE INDEX mails_state ON mails (state, id);
CREATE INDEX mails_end ON mails (expires_at);
CREATE INDEX mails_user ON mails (user_id);
