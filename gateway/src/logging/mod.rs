//! Log files, journal and their limits.
