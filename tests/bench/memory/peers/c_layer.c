/* The C layer that Catzilla's replaces: an arena per class, named in each allocation's flags,
 * behind jemalloc's automatic thread cache, which knows nothing of classes. */
#include "jemalloc.h"
#include "peer.h"

#include <pthread.h>

static unsigned arena[BENCH_CLASSES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create(void)
{
    for (int i = 0; i < BENCH_CLASSES; i++)
        arena[i] = je_new("arenas.create");
    je_background_thread();
}

static void thread_start(void)
{
    pthread_once(&once, create);
}

BENCH_BY_CLASS(void *, alloc, size_t, return _rjem_mallocx(value, JE_ARENA(arena[of])))

static void release(void *block)
{
    _rjem_dallocx(block, 0);
}

static bool misplaced(int of, void *block)
{
    return je_arena_of(block) != arena[of];
}

static void trim(void)
{
    je_set("thread.tcache.flush", NULL, 0);
    je_purge_all();
}

const bench_peer_t bench_peer = {
    .name = "C layer",
    .alloc = BENCH_THE_FIVE(alloc),
    .release = BENCH_EACH_CLASS(release),
    .untyped_alloc = _rjem_malloc,
    .untyped_release = _rjem_free,
    .usable = _rjem_malloc_usable_size,
    .thread_start = thread_start,
    .misplaced = misplaced,
    .trim = trim,
};
