//! Whole runs of `taskferry undo`.
