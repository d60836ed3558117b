//! Catzilla's C interface.
