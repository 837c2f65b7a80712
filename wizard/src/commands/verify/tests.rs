//! Whole runs of `taskferry verify`.
