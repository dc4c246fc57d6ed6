-- What was taken over from another program's database, so that a second run takes nothing twice.
CREATE TABLE taken_over (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    foreign_id BIGINT NOT NULL,
    our_id TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    CONSTRAINT taken_over_source_kind_foreign_id_unique PRIMARY KEY (source, kind, foreign_id)
);
