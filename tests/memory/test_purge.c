/* Giving memory back: what was freed leaves the resident size when asked, and only unused pages do.
 */
#include "support.h"

#include <string.h>

#define MIB ((size_t)1 << 20)

/* 64 MiB in blocks of 16 KiB, written to, so that they are resident. */
enum { BLOCKS = 4096, BLOCK_SIZE = 16384 };
static unsigned char *block[BLOCKS];

static void fill_64_mib(const memory_class_t *class)
{
    for (size_t i = 0; i < BLOCKS; i++) {
        block[i] = class->alloc(BLOCK_SIZE);
        assert_non_null(block[i]);
        memset(block[i], (int)i, BLOCK_SIZE);
    }
}

static void free_64_mib(const memory_class_t *class)
{
    for (size_t i = 0; i < BLOCKS; i++)
        class->free(block[i]);
}

/* Fills and frees 64 MiB of a class, calls `give_back`, and checks that resident memory is down to
 * within 4 MiB of where it began. */
static void check_give_back(const memory_class_t *class, void (*give_back)(void))
{
    const size_t before = resident_bytes();
    fill_64_mib(class);
    const size_t full = resident_bytes();
    assert_in_range(full, before + 60 * MIB, SIZE_MAX);
    free_64_mib(class);
    give_back();
    const size_t after = resident_bytes();
    if (after > before + 4 * MIB)
        fail_msg("%s: %zu KiB resident before, %zu full, %zu after", class->name, before >> 10,
                 full >> 10, after >> 10);
}

static const memory_class_t *purged;

static void purge_the_class(void)
{
    assert_int_equal(catzilla_memory_purge_arena(purged->type), 0);
}

static void purge_lowers_resident_memory_in_every_class(void **state)
{
    (void)state;
    if (!resident_is_telling())
        skip();
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        purged = &memory_class[i];
        check_give_back(purged, purge_the_class);
    }
}

static void optimize_lowers_resident_memory_in_the_short_lived_classes(void **state)
{
    static const catzilla_memory_type_t type[] = {CATZILLA_MEMORY_REQUEST, CATZILLA_MEMORY_RESPONSE,
                                                  CATZILLA_MEMORY_TASK, CATZILLA_MEMORY_GENERAL};
    (void)state;
    if (!resident_is_telling())
        skip();
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < COUNT_OF(type); i++)
        check_give_back(&memory_class[type[i]], catzilla_memory_optimize);
}

static void cleanup_lowers_resident_memory_in_every_class(void **state)
{
    (void)state;
    if (!resident_is_telling())
        skip();
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        assert_int_equal(catzilla_memory_init(), 0);
        check_give_back(&memory_class[i], catzilla_memory_cleanup);
    }
}

static void purge_leaves_live_blocks_alone(void **state)
{
    unsigned char *kept[MEMORY_CLASSES];
    (void)state;
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        kept[i] = memory_class[i].alloc(3 * 4096);
        assert_non_null(kept[i]);
        memset(kept[i], 'a' + (int)i, 3 * 4096);
        /* A free neighbour on either side of what comes next. */
        memory_class[i].free(memory_class[i].alloc(3 * 4096));
    }
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_int_equal(catzilla_memory_purge_arena(memory_class[i].type), 0);
    catzilla_memory_optimize();
    catzilla_memory_cleanup();
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        for (size_t at = 0; at < 3 * 4096; at++)
            assert_int_equal(kept[i][at], 'a' + i);
        memory_class[i].free(kept[i]);
    }
}

static void purge_refuses_a_class_out_of_range(void **state)
{
    static const int type[] = {-1, 6, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(type); i++)
        if (catzilla_memory_purge_arena((catzilla_memory_type_t)type[i]) >= 0)
            fail_msg("type %d was accepted", type[i]);
}

static void auto_optimize_purges_once_and_then_rests(void **state)
{
    const memory_class_t *class = &memory_class[CATZILLA_MEMORY_REQUEST];
    (void)state;
    /* The system backend returns what it likes at the free itself, so there is nothing to see. */
    if (!resident_is_telling() || !jemalloc_is_under_test())
        skip();
    assert_int_equal(catzilla_memory_init(), 0);
    check_give_back(class, catzilla_memory_auto_optimize);
    /* The pages decay within a second anyway: only a quick round shows that nothing was purged. */
    for (int attempt = 0; attempt < 20; attempt++) {
        fill_64_mib(class);
        const size_t full = resident_bytes();
        const uint64_t freed_at = now_ms();
        free_64_mib(class);
        catzilla_memory_auto_optimize();
        const size_t after = resident_bytes();
        if (now_ms() - freed_at > 100)
            continue;
        assert_in_range(after, full - 32 * MIB, SIZE_MAX);
        return;
    }
    skip();
}

static void prepare(void)
{
    keep_pages_small();
    use_allocator_under_test();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purge_lowers_resident_memory_in_every_class),
        cmocka_unit_test(optimize_lowers_resident_memory_in_the_short_lived_classes),
        cmocka_unit_test(cleanup_lowers_resident_memory_in_every_class),
        cmocka_unit_test(purge_leaves_live_blocks_alone),
        cmocka_unit_test(purge_refuses_a_class_out_of_range),
        cmocka_unit_test(auto_optimize_purges_once_and_then_rests),
    };
    return run_isolated("memory purge", tests, COUNT_OF(tests), prepare);
}
