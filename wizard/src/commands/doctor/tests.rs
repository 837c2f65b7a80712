//! Whole runs of `taskferry doctor`.
