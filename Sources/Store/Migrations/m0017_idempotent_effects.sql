-- Which call took an idempotency key, so that what it did before its process died is found by its audit events.

ALTER TABLE idempotency_keys ADD COLUMN request_id TEXT;
CREATE INDEX events_request ON events (request_id) WHERE request_id IS NOT NULL;
