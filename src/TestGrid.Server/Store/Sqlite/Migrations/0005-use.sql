-- What the attempt that decided a job used; a figure that nobody counted is NULL.
ALTER TABLE jobs ADD COLUMN peak_memory INTEGER; -- bytes
ALTER TABLE jobs ADD COLUMN cpu_time    INTEGER; -- milliseconds
ALTER TABLE jobs ADD COLUMN disk        INTEGER; -- bytes
