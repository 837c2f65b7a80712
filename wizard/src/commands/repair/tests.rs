//! Whole runs of `taskferry repair`.
