-- What operators have said of models; of one without a row what its name tells holds. NULL: as the name tells.

CREATE TABLE models (
    id TEXT NOT NULL CONSTRAINT models_id_unique PRIMARY KEY,
    display_name TEXT,
    max_input_tokens BIGINT CONSTRAINT models_max_input_tokens_check CHECK (max_input_tokens >= 1),
    max_output_tokens BIGINT CONSTRAINT models_max_output_tokens_check CHECK (max_output_tokens >= 1),
    lifecycle TEXT NOT NULL CONSTRAINT models_lifecycle_check CHECK (lifecycle IN ('active', 'deprecated', 'retired')),
    deprecated_at BIGINT,
    retires_at BIGINT,
    version BIGINT NOT NULL CONSTRAINT models_version_unique UNIQUE,
    updated_at BIGINT NOT NULL
);
INSERT INTO change_counters (name, value) VALUES ('models', 0);
