-- schema.sql: the tables of a gensearch database, version 4 (PRAGMA user_version), application_id 0x47535248 ("GSRH").
--
-- Arrays in blobs are little-endian and have no header: dim is the encoder's. A covariance is packed, the lower triangle with its
-- diagonal, row after row: c[0][0], c[1][0], c[1][1], c[2][0] ... which is dim * (dim + 1) / 2 numbers.
-- Everything that depends on samples hangs on a run, so that replacing a model's run is deleting one row.

-- The one encoder whose features this database holds; the first `index` binds it. Features of another one are not comparable.
CREATE TABLE encoder (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    name        TEXT    NOT NULL,
    directory   TEXT    NOT NULL,                                       -- where it was found last: absolute path
    fingerprint TEXT    NOT NULL CHECK (length(fingerprint) = 64),      -- SHA-256, hex
    dim         INTEGER NOT NULL CHECK (dim > 0),                       -- numbers in a feature
    tau         REAL    NOT NULL CHECK (tau > 0),                       -- exp(logit_scale)
    image_size  INTEGER NOT NULL CHECK (image_size > 0)                 -- pixels a side
) STRICT;

-- A generative model as its model.json describes it.
CREATE TABLE model (
    id     INTEGER PRIMARY KEY,
    slug   TEXT    NOT NULL UNIQUE,
    title  TEXT    NOT NULL,
    type   TEXT    NOT NULL,
    family TEXT    NOT NULL,                    -- '' when unknown
    json   TEXT    NOT NULL,                    -- the whole model.json, compact, unknown fields too
    path   TEXT    NOT NULL DEFAULT '',         -- where that model.json lies: absolute; '' when an old program wrote the row
    error  TEXT    NOT NULL DEFAULT '',         -- why its last run failed; '' after a success
    added  TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

-- One sampling of a model. A model has at most one finished run, which everybody reads, and at most one that is under way; when the
-- latter finishes it takes the former's place.
CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    model_id  INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    sampler   TEXT    NOT NULL,                             -- model.json's sampler block at that time
    source    TEXT    NOT NULL DEFAULT '',                  -- fingerprint of what the samples come from (indexer/sampler/sampler.h);
                                                            -- '': an old program did not record it; '-': to be sampled anew
    precision TEXT    NOT NULL DEFAULT '',                  -- of the encoder's products: f32, bf16 or int8; '' as above
    seed      INTEGER NOT NULL,
    requested INTEGER NOT NULL CHECK (requested > 0),       -- --samples; a finite sampler may end before
    keep      INTEGER NOT NULL CHECK (keep >= 0),           -- --keep-features
    count     INTEGER NOT NULL CHECK (count >= 0),          -- samples taken in so far
    bad       INTEGER NOT NULL DEFAULT 0 CHECK (bad >= 0),  -- samples left out so far, for their files hold no picture that can be read
    finished  INTEGER NOT NULL CHECK (finished IN (0, 1)),
    neighbors INTEGER,                                      -- how many rows of neighbor were written for it; NULL: not yet compared
    UNIQUE (model_id, finished)
) STRICT;

-- The accumulator of an unfinished run, to the last bit: mean f64 [dim], then the packed scatter f64.
CREATE TABLE progress (
    run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
    state  BLOB    NOT NULL
) STRICT;

-- What a finished run amounts to.
CREATE TABLE moments (
    run_id     INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
    mean       BLOB    NOT NULL,        -- f32 [dim]
    covariance BLOB    NOT NULL         -- f32, packed, divisor count - 1
) STRICT;

-- What queries read of a finished run, computed from its moments once (indexer/search/prepare.h). A row may be missing: it is written by the
-- next `index`, or by the first query that needs it. In two tables, because SQLite reads through one blob of a row to reach the next.
CREATE TABLE factor (
    run_id          INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
    log_determinant REAL    NOT NULL,   -- of covariance + 0.001 I
    factor          BLOB    NOT NULL    -- f32, packed: the lower Cholesky factor of covariance + 0.001 I
) STRICT;
CREATE TABLE lowrank (
    run_id  INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
    lowrank BLOB    NOT NULL            -- the leading eigenpairs of covariance + 0.001 I, as core/catalog.h lays them out, f32
) STRICT;

-- What the models score for queries that ask for nothing in particular (core/background.h), by kind of query. It is complete when models is the
-- number of finished runs and each of them has a row in background_mean; else the next `index` makes it anew.
CREATE TABLE background (
    kind   TEXT    PRIMARY KEY CHECK (kind IN ('text', 'image')),
    models INTEGER NOT NULL CHECK (models >= 0),    -- finished runs when it was made
    cutoff REAL,                                    -- of a query's lead; NULL, as the next two: too few models to tell
    density_cutoff REAL,                            -- of a picture's best score by gaussian-density
    lowrank_cutoff REAL                             -- the same by gaussian-lowrank
) STRICT;
CREATE TABLE background_mean (
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind   TEXT    NOT NULL,
    mean   REAL    NOT NULL,                        -- of the first moment over the background's queries
    PRIMARY KEY (run_id, kind)
) STRICT;
-- Words that were encoded for it: those of the encoder's vocabulary, and the models' tags, which the models make.
CREATE TABLE background_words (
    kind     TEXT PRIMARY KEY CHECK (kind IN ('vocabulary', 'tags')),
    features BLOB NOT NULL                          -- f16 [n, dim], length 1
) STRICT;

-- The first samples, small.
CREATE TABLE thumbnail (
    run_id   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,          -- the sample's index
    width    INTEGER NOT NULL CHECK (width > 0),
    height   INTEGER NOT NULL CHECK (height > 0),
    webp     BLOB    NOT NULL,
    PRIMARY KEY (run_id, position)
) STRICT;

-- Kept features, for the Monte Carlo score: the run.keep samples whose hash of (seed, index) is lowest, so that which ones are kept
-- depends neither on batches nor on interruptions. A slot is only a place to overwrite.
CREATE TABLE feature (
    run_id       INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    slot         INTEGER NOT NULL,
    sample_index INTEGER NOT NULL,
    vector       BLOB    NOT NULL,      -- f32 [dim], length 1
    PRIMARY KEY (run_id, slot)
) STRICT;

-- The nearest finished runs by Frechet distance. Rows vanish with either run; run.neighbors tells that some did.
CREATE TABLE neighbor (
    run_id   INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    rank     INTEGER NOT NULL CHECK (rank > 0),
    other_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    distance REAL    NOT NULL,
    PRIMARY KEY (run_id, rank)
) STRICT;
CREATE INDEX neighbor_other ON neighbor (other_id);
