# The memory layer's header: kept in the tree, generated from rust/ffi by a pinned cbindgen, so that
# those who only build C need no generator.
