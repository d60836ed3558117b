#!/bin/sh
# usage: miri.sh BUILD_DIR
# Runs those Rust tests under Miri, which finds undefined behaviour, that call no foreign code but the
# system's allocator: all of the system backend, and of jemalloc's the stacks of blocks. What Miri draws
# by chance is the same each time. Ends with 77 where it cannot run. BUILD_DIR is cargo.sh's.
set -eu

skip() {
    printf 'skipped: %s\n' "$1"
    exit 77
}

# Nothing is installed for it, nor asked for.
export RUSTUP_AUTO_INSTALL=0
cargo +nightly miri --version >/dev/null 2>&1 ||
    skip 'no Miri: rustup +nightly component add miri rust-src'
[ -e "$(rustc +nightly --print sysroot)/lib/rustlib/src/rust/library/Cargo.toml" ] ||
    skip 'Miri wants the sources of std: rustup +nightly component add rust-src'
cargo +nightly miri setup -q || skip 'Miri could not build its std'

cargo +nightly miri test -q --locked -p catzilla-memory --no-default-features --lib --test properties
"$(dirname "$0")/cargo.sh" "$1" "$(command -v cargo)" +nightly miri test -q --locked -p catzilla-memory --lib -- \
    magazine:: depot::tests:: cache::tests:: sizes:: --skip jemallocs
