//! Whole runs of `taskferry status`.
