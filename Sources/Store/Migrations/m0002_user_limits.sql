-- What each key of a person may be given at most, and how many keys they may have. NULL: no limit of their own.
ALTER TABLE users ADD COLUMN requests_per_minute BIGINT CONSTRAINT users_requests_per_minute_check CHECK (requests_per_minute >= 0);
ALTER TABLE users ADD COLUMN tokens_per_day BIGINT CONSTRAINT users_tokens_per_day_check CHECK (tokens_per_day >= 0);
ALTER TABLE users ADD COLUMN concurrency BIGINT CONSTRAINT users_concurrency_check CHECK (concurrency >= 0);
ALTER TABLE users ADD COLUMN cost_per_day_micro_usd BIGINT CONSTRAINT users_cost_per_day_check CHECK (cost_per_day_micro_usd >= 0);
ALTER TABLE users ADD COLUMN maximum_keys BIGINT CONSTRAINT users_maximum_keys_check CHECK (maximum_keys >= 0);
