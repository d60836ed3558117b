/* mimalloc 3 with one heap per class: its own means of separation. Declared by hand, since its
 * header stays in cargo's folders (see mimalloc3/). */
#include "peer.h"

#include <pthread.h>

typedef struct mi_heap mi_heap_t;
mi_heap_t *mi_heap_new(void);
void *mi_heap_malloc(mi_heap_t *heap, size_t size);
bool mi_heap_contains(const mi_heap_t *heap, const void *block);
void *mi_malloc(size_t size);
void mi_free(void *block);
size_t mi_usable_size(const void *block);
void mi_collect(bool force);

static mi_heap_t *heap[BENCH_CLASSES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create(void)
{
    for (int i = 0; i < BENCH_CLASSES; i++)
        heap[i] = mi_heap_new();
}

static void thread_start(void)
{
    pthread_once(&once, create);
}

BENCH_BY_CLASS(void *, alloc, size_t, return mi_heap_malloc(heap[of], value))

static size_t usable(void *block)
{
    return mi_usable_size(block);
}

static bool misplaced(int of, void *block)
{
    return !mi_heap_contains(heap[of], block);
}

static void trim(void)
{
    mi_collect(true);
}

const bench_peer_t bench_peer = {
    .name = "mimalloc 3, a heap per class",
    .alloc = BENCH_THE_FIVE(alloc),
    .release = BENCH_EACH_CLASS(mi_free),
    .untyped_alloc = mi_malloc,
    .untyped_release = mi_free,
    .usable = usable,
    .thread_start = thread_start,
    .misplaced = misplaced,
    .trim = trim,
};
