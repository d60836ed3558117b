//! mimalloc 3 as an archive that C programs link.
use libmimalloc_sys as _;
