-- What all keys of a person or a team may do besides amounts: a JSON object whose members `SharedAccess` names; '{}' allows everything.
-- first_used_at: the first request of any of the keys under a lifetime that begins with it.

ALTER TABLE users ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN first_used_at BIGINT;
ALTER TABLE teams ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
ALTER TABLE teams ADD COLUMN first_used_at BIGINT;
