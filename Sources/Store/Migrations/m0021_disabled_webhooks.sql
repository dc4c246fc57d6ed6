-- Places that answered 410 Gone are told nothing more until somebody enables them again. Both are NULL for a place that nobody but a page
-- has switched.

ALTER TABLE webhook_targets ADD COLUMN disabled_at BIGINT;
ALTER TABLE webhook_targets ADD COLUMN disabled_reason TEXT;
