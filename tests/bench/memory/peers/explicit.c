/* Five jemalloc arenas, each behind a thread cache of its own: separation by jemalloc's own means.
 * A block freed by another class's function would change its class here. */
#include "jemalloc.h"
#include "peer.h"

#include <pthread.h>

static unsigned arena[BENCH_CLASSES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local int flags[BENCH_CLASSES];
static _Thread_local unsigned cache[BENCH_CLASSES];

static void create(void)
{
    for (int i = 0; i < BENCH_CLASSES; i++)
        arena[i] = je_new("arenas.create");
    je_background_thread();
}

static void thread_start(void)
{
    pthread_once(&once, create);
    for (int i = 0; i < BENCH_CLASSES; i++) {
        cache[i] = je_new("tcache.create");
        flags[i] = JE_ARENA(arena[i]) | JE_TCACHE(cache[i]);
    }
}

BENCH_BY_CLASS(void *, alloc, size_t, return _rjem_mallocx(value, flags[of]))

BENCH_BY_CLASS(void, release, void *, _rjem_dallocx(value, flags[of]))

static bool misplaced(int of, void *block)
{
    return je_arena_of(block) != arena[of];
}

static void trim(void)
{
    for (int i = 0; i < BENCH_CLASSES; i++)
        je_set("tcache.flush", &cache[i], sizeof cache[i]);
    je_purge_all();
}

const bench_peer_t bench_peer = {
    .name = "five arenas, explicit caches",
    .alloc = BENCH_THE_FIVE(alloc),
    .release = BENCH_THE_FIVE(release),
    .untyped_alloc = _rjem_malloc,
    .untyped_release = _rjem_free,
    .usable = _rjem_malloc_usable_size,
    .thread_start = thread_start,
    .misplaced = misplaced,
    .trim = trim,
};
