-- An event may go to several places; those that have it are not told again when another one fails.

ALTER TABLE outbox ADD COLUMN told TEXT NOT NULL DEFAULT '[]';
