/* What ages: optimize gives back at once what short-lived classes do not use, and what cache and
 * static do not use once it is old enough. Links the unsealed archive, to keep jemalloc's own
 * thread from doing it meanwhile. */
#include "support.h"

#include <time.h>

int _rjem_mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length);

#define MIB ((size_t)1 << 20)

/* 32 MiB; the pages need not be written to. */
enum { BLOCKS = 2048, BLOCK_SIZE = 16384 };
static void *block[BLOCKS];

static void leave_unused(size_t class)
{
    for (size_t i = 0; i < BLOCKS; i++)
        assert_non_null(block[i] = memory_class[class].alloc(BLOCK_SIZE));
    for (size_t i = 0; i < BLOCKS; i++)
        memory_class[class].free(block[i]);
}

static size_t unused_of(size_t class)
{
    catzilla_memory_class_stats_t stats;
    assert_int_equal(
        catzilla_memory_get_class_stats(memory_class[class].type, &stats, sizeof stats), 0);
    return stats.dirty;
}

static void init_without_jemallocs_thread(void)
{
    bool on = false;
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(_rjem_mallctl("background_thread", NULL, NULL, &on, sizeof on), 0);
}

static void optimize_purges_what_is_short_lived_and_lets_the_rest_age(void **state)
{
    static const bool ages[MEMORY_CLASSES] = {false, false, true, true, false, false};
    (void)state;
    init_without_jemallocs_thread();
    /* What was freed a second ago is old: only a quick round shows that it was not purged before.
     */
    for (int attempt = 0; attempt < 20; attempt++) {
        const uint64_t start = now_ms();
        for (size_t class = 0; class < MEMORY_CLASSES; class ++)
            leave_unused(class);
        catzilla_memory_optimize();
        const bool quick = now_ms() - start < 300;
        for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
            const size_t unused = unused_of(class);
            if (ages[class] ? quick && unused < 16 * MIB : unused > 2 * MIB)
                fail_msg("%s: %zu KiB unused after optimize", memory_class[class].name,
                         unused >> 10);
        }
        if (quick)
            return;
    }
    skip();
}

static void optimize_decays_cache_and_static(void **state)
{
    const struct timespec pause = {0, 50000000};
    const uint64_t deadline = now_ms() + 20000;
    (void)state;
    init_without_jemallocs_thread();
    leave_unused(CATZILLA_MEMORY_CACHE);
    leave_unused(CATZILLA_MEMORY_STATIC);
    /* Nothing else happens in either class, so that nothing but this gives anything back. */
    while (unused_of(CATZILLA_MEMORY_CACHE) > MIB || unused_of(CATZILLA_MEMORY_STATIC) > MIB) {
        if (now_ms() > deadline)
            fail_msg("%zu and %zu KiB are unused after 20 s",
                     unused_of(CATZILLA_MEMORY_CACHE) >> 10,
                     unused_of(CATZILLA_MEMORY_STATIC) >> 10);
        nanosleep(&pause, NULL);
        catzilla_memory_optimize();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimize_purges_what_is_short_lived_and_lets_the_rest_age),
        cmocka_unit_test(optimize_decays_cache_and_static),
    };
    return run_isolated("memory decay", tests, COUNT_OF(tests), use_allocator_under_test);
}
