-- Limits beyond the first four, who may use a key and from where, its rotation; teams; the price list.
-- `limits` and `access` are JSON objects whose members `APIKeyLimits` and `APIKeyAccess` name; '{}' limits nothing.
CREATE TABLE teams (
    id TEXT NOT NULL CONSTRAINT teams_id_unique PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT teams_name_unique UNIQUE,
    limits TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What all keys of a person may use together; a person is in one team at most.
ALTER TABLE users ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE users ADD COLUMN team_id TEXT CONSTRAINT users_team_id_reference REFERENCES teams (id);
CREATE INDEX users_team ON users (team_id);

ALTER TABLE api_keys ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_keys ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE api_keys ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
-- NULL: the owner's team.
ALTER TABLE api_keys ADD COLUMN team_id TEXT CONSTRAINT api_keys_team_id_reference REFERENCES teams (id);
CREATE INDEX api_keys_team ON api_keys (team_id);
-- The first billable request of a key that lives from then on.
ALTER TABLE api_keys ADD COLUMN activated_at BIGINT;
-- After a rotation the old secret works until then.
ALTER TABLE api_keys ADD COLUMN previous_hash @BYTES@;
ALTER TABLE api_keys ADD COLUMN previous_until BIGINT;

-- Nano-USD a token. Append only: the newest row not after a request's time counts, of those the one with the highest version.
CREATE TABLE prices (
    version BIGINT NOT NULL CONSTRAINT prices_version_unique PRIMARY KEY,
    model TEXT NOT NULL,
    effective_from BIGINT NOT NULL,
    prompt_over BIGINT NOT NULL CONSTRAINT prices_prompt_over_check CHECK (prompt_over >= 0),
    input BIGINT NOT NULL CONSTRAINT prices_input_check CHECK (input >= 0),
    output BIGINT NOT NULL CONSTRAINT prices_output_check CHECK (output >= 0),
    cache_write_5m BIGINT NOT NULL CONSTRAINT prices_cache_write_5m_check CHECK (cache_write_5m >= 0),
    cache_write_1h BIGINT NOT NULL CONSTRAINT prices_cache_write_1h_check CHECK (cache_write_1h >= 0),
    cache_read BIGINT NOT NULL CONSTRAINT prices_cache_read_check CHECK (cache_read >= 0),
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
INSERT INTO change_counters (name, value) VALUES ('prices', 0);
-- @sqlite
CREATE TRIGGER prices_no_update BEFORE UPDATE ON prices BEGIN SELECT RAISE(ABORT, 'append only: prices'); END;
CREATE TRIGGER prices_no_delete BEFORE DELETE ON prices BEGIN SELECT RAISE(ABORT, 'append only: prices'); END;
-- @end
-- @postgres
CREATE TRIGGER prices_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prices FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- @end
