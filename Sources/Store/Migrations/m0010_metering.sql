-- What services use, added up from counters at their backends that may begin anew at any time, and links that hand a config over once.

-- Totals only grow. What counts towards a limit is the total less `period_base`. Bytes; received is what the customer sent.
CREATE TABLE service_meters (
    service_id TEXT NOT NULL CONSTRAINT service_meters_service_id_unique PRIMARY KEY
        CONSTRAINT service_meters_service_id_reference REFERENCES services (id) ON DELETE CASCADE,
    last_received BIGINT NOT NULL,
    last_sent BIGINT NOT NULL,
    total_received BIGINT NOT NULL,
    total_sent BIGINT NOT NULL,
    period_base BIGINT NOT NULL,
    period_started_at BIGINT NOT NULL,
    handshake_at BIGINT,
    sampled_at BIGINT NOT NULL
);

-- Only a hash of the link's secret is kept.
CREATE TABLE config_links (
    id TEXT NOT NULL CONSTRAINT config_links_id_unique PRIMARY KEY,
    service_id TEXT NOT NULL CONSTRAINT config_links_service_id_reference REFERENCES services (id) ON DELETE CASCADE,
    secret_hash @BYTES@ NOT NULL CONSTRAINT config_links_secret_hash_unique UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX config_links_service ON config_links (service_id, id);
CREATE INDEX config_links_end ON config_links (expires_at);
