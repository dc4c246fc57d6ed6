-- What operators were told last of each subject, so that several servers that see the same tell it once.

CREATE TABLE alert_words (
    subject TEXT NOT NULL CONSTRAINT alert_words_subject_unique PRIMARY KEY,
    word TEXT NOT NULL,
    told_at BIGINT NOT NULL
);
