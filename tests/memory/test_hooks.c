/* Failures that do not happen by themselves, through switches that only test builds have. */
#include "support.h"

#include <limits.h>
#include <string.h>

typedef struct report {
    int count;
    char text[512];
} report_t;

static void note_report(int level, const char *message, void *user_data)
{
    report_t *report = user_data;
    (void)level;
    report->count++;
    strncpy(report->text, message, sizeof report->text - 1);
}

static void check_use_of_every_class(void)
{
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        unsigned char *block = memory_class[i].alloc(3000);
        assert_non_null(block);
        memset(block, 1, 3000);
        block = memory_class[i].realloc(block, 6000);
        assert_non_null(block);
        assert_int_equal(block[2999], 1);
        memory_class[i].free(block);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void a_failed_arena_fails_init_and_leaves_the_process_usable(void **state)
{
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    catzilla_memory_test_fail_arena_creation(2);
    assert_in_range(-catzilla_memory_init(), 1, 31);
    check_use_of_every_class();
}

static void the_next_init_succeeds_with_the_arenas_made_so_far(void **state)
{
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    const unsigned arenas = catzilla_memory_test_arena_count();
    /* The first try makes none, and each one after it gets one arena further. */
    for (int made = 0; made < MEMORY_CLASSES; made++) {
        catzilla_memory_test_fail_arena_creation(made == 0 ? 0 : 1);
        assert_true(catzilla_memory_init() < 0);
    }
    catzilla_memory_test_fail_arena_creation(-1);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_test_arena_count(), arenas + MEMORY_CLASSES);
    check_use_of_every_class();
}

static void a_block_from_a_failed_init_is_freed_after_a_good_one(void **state)
{
    unsigned char *block[MEMORY_CLASSES];
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    catzilla_memory_test_fail_arena_creation(0);
    assert_true(catzilla_memory_init() < 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        assert_non_null(block[i] = memory_class[i].alloc(1024));
    catzilla_memory_test_fail_arena_creation(-1);
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        memory_class[i].free(block[i]);
    assert_int_equal(usage_of_all(), 0);
}

static void without_address_ranges_each_class_still_has_its_arena(void **state)
{
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    catzilla_memory_test_fail_reservation(true);
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++) {
        catzilla_memory_class_stats_t stats;
        unsigned arena = UINT_MAX;
        void *block = memory_class[i].alloc(100);
        assert_int_equal(
            catzilla_memory_get_class_stats(memory_class[i].type, &stats, sizeof stats), 0);
        assert_int_equal(stats.partitioned, 0);
        assert_int_equal(catzilla_memory_test_arena_of(block, &arena), 0);
        assert_int_equal(arena, stats.arena);
        assert_int_equal(catzilla_memory_class_of(block), memory_class[i].type);
        memory_class[i].free(block);
    }
    check_use_of_every_class();
}

static void jemalloc_4_means_the_system_backend_and_is_reported(void **state)
{
    report_t report = {0};
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    catzilla_memory_set_log(note_report, &report);
    catzilla_memory_test_fake_jemalloc_major(4);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_get_current_allocator(), CATZILLA_ALLOCATOR_MALLOC);
    assert_int_equal(report.count, 1);
    assert_non_null(strstr(report.text, "jemalloc 4"));
    check_use_of_every_class();
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(report.count, 1);
    catzilla_memory_set_log(NULL, NULL);
}

static void jemalloc_5_is_not_reported(void **state)
{
    report_t report = {0};
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    catzilla_memory_set_log(note_report, &report);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_get_current_allocator(), CATZILLA_ALLOCATOR_JEMALLOC);
    if (report.count != 0)
        fail_msg("reported: %s", report.text);
    catzilla_memory_set_log(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_arena_fails_init_and_leaves_the_process_usable),
        cmocka_unit_test(the_next_init_succeeds_with_the_arenas_made_so_far),
        cmocka_unit_test(a_block_from_a_failed_init_is_freed_after_a_good_one),
        cmocka_unit_test(without_address_ranges_each_class_still_has_its_arena),
        cmocka_unit_test(jemalloc_4_means_the_system_backend_and_is_reported),
        cmocka_unit_test(jemalloc_5_is_not_reported),
    };
    return run_isolated("memory hooks", tests, COUNT_OF(tests), NULL);
}
