/* Hands out the same block again and again: what the loop itself costs, to be taken off. */
#include "peer.h"

static _Alignas(64) char block[1 << 16];

static void *alloc(size_t size)
{
    (void)size;
    return block;
}

static void release(void *ignored)
{
    (void)ignored;
}

static size_t usable(void *ignored)
{
    (void)ignored;
    return sizeof block;
}

const bench_peer_t bench_peer = {
    .name = "the loop itself",
    .alloc = BENCH_EACH_CLASS(alloc),
    .release = BENCH_EACH_CLASS(release),
    .untyped_alloc = alloc,
    .untyped_release = release,
    .usable = usable,
};
