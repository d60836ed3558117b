//! Memory by lifetime class.
