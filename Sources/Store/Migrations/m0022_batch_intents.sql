-- A batch is written down before the upstream is asked for it: with is_creating its id is our own and next_look_at the end of the wait for the
-- upstream's. reserved_opus_micro_usd: the part of what is held back for models of the opus family.

ALTER TABLE batches ADD COLUMN is_creating BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE batches ADD COLUMN reserved_opus_micro_usd BIGINT NOT NULL DEFAULT 0;
