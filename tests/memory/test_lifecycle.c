/* Init and cleanup: once per process, repeatable, silent, and never the end of a live block. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void one_cycle(void)
{
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        void *block = memory_class[i].alloc(512);
        assert_non_null(block);
        memset(block, (int)i, 512);
        memory_class[i].free(block);
    }
    catzilla_memory_cleanup();
}

static void ten_thousand_cycles_leave_everything_as_after_the_first(void **state)
{
    (void)state;
    keep_pages_small();
    one_cycle();
    const arena_ids_t ids = arena_ids();
    const size_t resident = resident_bytes();
    const size_t cycles = scaled(10000);
    for (size_t i = 1; i < cycles; i++)
        one_cycle();
    assert_same_arena_ids(arena_ids(), ids);
    if (resident_is_telling())
        assert_in_range(resident_bytes(), 0, resident + (1u << 20));
    assert_int_equal(usage_of_all(), 0);
}

static void init_makes_five_arenas_with_ids_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    const arena_ids_t ids = arena_ids();
    for (size_t i = 0; i < COUNT_OF(ids.id); i++)
        for (size_t j = 0; j < i; j++)
            if (jemalloc_is_under_test())
                assert_int_not_equal(ids.id[i], ids.id[j]);
            else
                assert_int_equal(ids.id[i], 0);
}

static void init_again_is_0_and_keeps_the_ids(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    const arena_ids_t ids = arena_ids();
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_init_quiet(1), 0);
    assert_same_arena_ids(arena_ids(), ids);
}

static void cleanup_without_init_and_twice_is_harmless(void **state)
{
    (void)state;
    catzilla_memory_cleanup();
    catzilla_memory_cleanup();
    assert_int_equal(catzilla_memory_init(), 0);
    catzilla_memory_cleanup();
    catzilla_memory_cleanup();
    void *block = catzilla_malloc(64);
    assert_non_null(block);
    catzilla_free(block);
    assert_int_equal(usage_of_all(), 0);
}

/* One block of each class, marked with the class. */
static void take_one_of_each(unsigned char *block[MEMORY_CLASSES])
{
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        block[i] = memory_class[i].alloc(4096);
        assert_non_null(block[i]);
        memset(block[i], 'A' + (int)i, 4096);
    }
}

static void check_and_free_one_of_each(unsigned char *block[MEMORY_CLASSES])
{
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        for (size_t at = 0; at < 4096; at++)
            assert_int_equal(block[i][at], 'A' + i);
        memory_class[i].free(block[i]);
    }
}

static void blocks_from_before_init_are_freed_after_it(void **state)
{
    unsigned char *block[MEMORY_CLASSES];
    (void)state;
    take_one_of_each(block);
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_int_equal(usage_of(memory_class[i].type), 4096);
    check_and_free_one_of_each(block);
    assert_int_equal(usage_of_all(), 0);
}

static void blocks_from_before_a_cleanup_are_freed_after_it(void **state)
{
    unsigned char *block[MEMORY_CLASSES];
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    take_one_of_each(block);
    catzilla_memory_cleanup();
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_int_equal(usage_of(memory_class[i].type), 4096);
    check_and_free_one_of_each(block);
    assert_int_equal(usage_of_all(), 0);
}

static void blocks_from_before_a_cleanup_survive_the_next_init(void **state)
{
    unsigned char *block[MEMORY_CLASSES];
    (void)state;
    take_one_of_each(block);
    for (int cycle = 0; cycle < 3; cycle++) {
        catzilla_memory_cleanup();
        assert_int_equal(catzilla_memory_init(), 0);
    }
    check_and_free_one_of_each(block);
    assert_int_equal(usage_of_all(), 0);
}

static void cleanup_zeroes_the_counts_and_keeps_the_usage(void **state)
{
    catzilla_memory_stats_t stats;
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    void *kept = catzilla_cache_alloc(1024);
    assert_non_null(kept);
    catzilla_request_free(catzilla_request_alloc(64));
    catzilla_memory_get_stats(&stats);
    assert_int_equal(stats.allocation_count, 2);
    assert_int_equal(stats.deallocation_count, 1);
    catzilla_memory_cleanup();
    catzilla_memory_get_stats(&stats);
    assert_int_equal(stats.allocation_count, 0);
    assert_int_equal(stats.deallocation_count, 0);
    assert_int_equal(stats.cache_arena_usage, 1024);
    assert_int_equal(stats.allocated, 1024);
    catzilla_free(kept);
}

static void live_through_everything(void *context)
{
    (void)context;
    one_cycle();
    catzilla_memory_init_quiet(1);
    catzilla_memory_optimize();
    catzilla_memory_auto_optimize();
    catzilla_memory_purge_arena(CATZILLA_MEMORY_REQUEST);
    catzilla_memory_purge_arena((catzilla_memory_type_t)99);
    catzilla_memory_set_allocator((catzilla_allocator_type_t)99);
    catzilla_malloc(SIZE_MAX);
    catzilla_calloc(SIZE_MAX, 2);
    void *block = CATZILLA_MALLOC(100);
    catzilla_memory_track_allocation(block, 100, __FILE__, __LINE__);
    catzilla_memory_track_deallocation(block, __FILE__, __LINE__);
    CATZILLA_FREE(block);
    catzilla_task_free(catzilla_request_alloc(32));
    if (catzilla_memory_enable_profiling() == 0)
        catzilla_memory_disable_profiling();
    catzilla_memory_reset_stats();
    catzilla_memory_cleanup();
}

static void no_call_prints(void **state)
{
    (void)state;
    char *output = captured_output(live_through_everything, NULL);
    assert_string_equal(output, "");
    free(output);
}

static void init_aloud(void *context)
{
    (void)context;
    assert_int_equal(catzilla_memory_init_quiet(0), 0);
}

static void init_not_quiet_prints_one_line_with_the_allocator_and_ids(void **state)
{
    (void)state;
    char *output = captured_output(init_aloud, NULL);
    const size_t length = strlen(output);
    assert_in_range(length, 2, 400);
    assert_ptr_equal(strchr(output, '\n'), output + length - 1);
    assert_non_null(strstr(output, jemalloc_is_under_test() ? "jemalloc" : "malloc"));
    if (jemalloc_is_under_test()) {
        const arena_ids_t ids = arena_ids();
        for (size_t i = 0; i < COUNT_OF(ids.id); i++) {
            char digits[16];
            snprintf(digits, sizeof digits, "%u", ids.id[i]);
            assert_non_null(strstr(output, digits));
        }
    }
    free(output);
}

static void dump(void *context)
{
    (void)context;
    catzilla_memory_dump_stats();
}

static void dump_stats_names_every_class(void **state)
{
    (void)state;
    one_cycle();
    void *block = catzilla_cache_alloc(4096);
    char *output = captured_output(dump, NULL);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_non_null(strstr(output, memory_class[i].name));
    free(output);
    catzilla_free(block);
}

static void check_leaks(void *context)
{
    (void)context;
    catzilla_memory_check_leaks();
}

static void assert_leaks_are(const char *lines)
{
    char *output = captured_output(check_leaks, NULL);
    assert_string_equal(output, lines);
    free(output);
}

/* Outside debug mode nobody knows where they were allocated. */
static void check_leaks_has_a_line_for_each_class_with_live_blocks(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    assert_leaks_are("catzilla: nothing is live\n");
    void *entry[] = {catzilla_cache_alloc(64), catzilla_cache_alloc(4096)};
    void *task = catzilla_task_alloc(128);
    assert_leaks_are("catzilla: cache live=4160\ncatzilla: task live=128\n");
    catzilla_free(entry[0]);
    assert_leaks_are("catzilla: cache live=4096\ncatzilla: task live=128\n");
    catzilla_free(entry[1]);
    assert_leaks_are("catzilla: task live=128\n");
    catzilla_free(task);
    assert_leaks_are("catzilla: nothing is live\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_cycles_leave_everything_as_after_the_first),
        cmocka_unit_test(init_makes_five_arenas_with_ids_of_their_own),
        cmocka_unit_test(init_again_is_0_and_keeps_the_ids),
        cmocka_unit_test(cleanup_without_init_and_twice_is_harmless),
        cmocka_unit_test(blocks_from_before_init_are_freed_after_it),
        cmocka_unit_test(blocks_from_before_a_cleanup_are_freed_after_it),
        cmocka_unit_test(blocks_from_before_a_cleanup_survive_the_next_init),
        cmocka_unit_test(cleanup_zeroes_the_counts_and_keeps_the_usage),
        cmocka_unit_test(no_call_prints),
        cmocka_unit_test(init_not_quiet_prints_one_line_with_the_allocator_and_ids),
        cmocka_unit_test(dump_stats_names_every_class),
        cmocka_unit_test(check_leaks_has_a_line_for_each_class_with_live_blocks),
    };
    return run_isolated("memory lifecycle", tests, COUNT_OF(tests), use_allocator_under_test);
}
