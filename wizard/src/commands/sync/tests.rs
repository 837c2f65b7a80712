//! Whole runs of `taskferry sync`.
