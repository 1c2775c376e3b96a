ALTER TABLE repositories ADD COLUMN pull_requests TEXT NOT NULL DEFAULT 'own' CHECK (pull_requests IN ('none', 'own', 'all'));
ALTER TABLE builds ADD COLUMN pull_request TEXT;   -- JSON; of a rerun too, so that a fork's gets no secrets then either

-- A column's CHECK goes with the column only.
ALTER TABLE builds RENAME COLUMN trigger TO was_trigger;
ALTER TABLE builds ADD COLUMN trigger TEXT NOT NULL DEFAULT 'push'
    CHECK (trigger IN ('push', 'tag', 'pull', 'manual', 'cron', 'rerun'));
UPDATE builds SET trigger = was_trigger;
ALTER TABLE builds DROP COLUMN was_trigger;
