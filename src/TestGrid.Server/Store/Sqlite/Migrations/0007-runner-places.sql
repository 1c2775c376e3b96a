-- From which machine and folder the name was said last: another one may have it only when that one is gone.
ALTER TABLE runners ADD COLUMN place TEXT NOT NULL DEFAULT '';
