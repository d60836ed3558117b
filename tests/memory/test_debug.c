/* Debug mode: each fault planted is found and named with its class, size and place; a clean run
 * reports nothing. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The reports of a test; the last one is kept, its text too. */
static size_t reports;
static catzilla_memory_report_t last;
static char last_text[4096];

static void keep_report(const catzilla_memory_report_t *report, void *user_data)
{
    (void)user_data;
    reports++;
    last = *report;
    snprintf(last_text, sizeof last_text, "%s", report->text);
}

static void start_debug(int level)
{
    assert_int_equal(catzilla_memory_set_debug(level), 0);
    catzilla_memory_set_report(keep_report, NULL);
    reports = 0;
}

static void assert_reported(int kind, size_t class, const void *block, size_t size)
{
    if (reports != 1)
        fail_msg("%zu reports instead of one, the last: %s", reports, last_text);
    if (last.kind != kind)
        fail_msg("kind %d instead of %d: %s", last.kind, kind, last_text);
    assert_int_equal(last.of, class);
    assert_ptr_equal(last.block, block);
    assert_int_equal(last.size, size);
    assert_non_null(strstr(last_text, memory_class[class].name));
    reports = 0;
}

/* That the report names this file and `line` as the place of allocation. */
static void assert_allocated_at(int line)
{
    assert_non_null(last.file);
    assert_string_equal(last.file, __FILE__);
    assert_int_equal(last.line, line);
}

static void a_byte_behind_the_block_is_an_overrun(void **state)
{
    static const size_t size[] = {0, 1, 15, 16, 17, 100, 1000, 4096, 70000};
    (void)state;
    start_debug(1);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++)
        for (size_t i = 0; i < COUNT_OF(size); i++) {
            const int line = __LINE__ + 1;
            volatile char *block = CATZILLA_ALLOC(memory_class[class].type, size[i]);
            assert_non_null((void *)block);
            block[size[i]] = 'X';
            memory_class[class].free((void *)block);
            assert_reported(CATZILLA_MEMORY_REPORT_OVERRUN, class, (void *)block, size[i]);
            assert_allocated_at(line);
        }
}

static void an_overrun_is_found_by_realloc_too(void **state)
{
    (void)state;
    start_debug(1);
    volatile char *block = catzilla_cache_alloc(100);
    block[100] = 'X';
    void *moved = catzilla_cache_realloc((void *)block, 200);
    assert_non_null(moved);
    assert_reported(CATZILLA_MEMORY_REPORT_OVERRUN, CATZILLA_MEMORY_CACHE, (void *)block, 100);
    catzilla_free(moved);
    assert_int_equal(reports, 0);
}

static void a_double_free_names_both_places(void **state)
{
    (void)state;
    start_debug(1);
    for (size_t class = 0; class < MEMORY_CLASSES; class ++) {
        const int line = __LINE__ + 1;
        void *block = CATZILLA_ALLOC(memory_class[class].type, 100);
        void *volatile again = block;
        const int free_line = __LINE__ + 1;
        CATZILLA_FREE(block);
        CATZILLA_FREE(again);
        assert_reported(CATZILLA_MEMORY_REPORT_DOUBLE_FREE, class, block, 100);
        assert_allocated_at(line);
        assert_non_null(last.free_file);
        assert_string_equal(last.free_file, __FILE__);
        assert_int_equal(last.free_line, free_line);
    }
    assert_int_equal(usage_of_all(), 0);
}

static void a_write_after_free_is_found_when_quarantine_ends(void **state)
{
    (void)state;
    start_debug(1);
    const int line = __LINE__ + 1;
    volatile char *block = CATZILLA_ALLOC(CATZILLA_MEMORY_TASK, 200);
    char *volatile dangling = (char *)block;
    CATZILLA_FREE((void *)block);
    dangling[50] = 'X';
    /* Cleaning up looks at whatever is still in quarantine. */
    catzilla_memory_cleanup();
    assert_reported(CATZILLA_MEMORY_REPORT_USE_AFTER_FREE, CATZILLA_MEMORY_TASK, (void *)block,
                    200);
    assert_allocated_at(line);
}

static void the_wrong_classes_free_is_reported_and_frees(void **state)
{
    (void)state;
    start_debug(1);
    for (size_t of = 0; of < MEMORY_CLASSES - 1; of++)
        for (size_t by = 0; by < MEMORY_CLASSES - 1; by++) {
            void *block = memory_class[of].alloc(300);
            memory_class[by].free(block);
            if (of == by)
                assert_int_equal(reports, 0);
            else
                assert_reported(CATZILLA_MEMORY_REPORT_WRONG_CLASS, of, block, 300);
            assert_int_equal(usage_of_all(), 0);
            /* The general free takes them all. */
            catzilla_free(memory_class[of].alloc(300));
            assert_int_equal(reports, 0);
        }
}

static void a_wrong_size_is_reported(void **state)
{
    (void)state;
    start_debug(1);
    void *block = catzilla_static_alloc(300);
    catzilla_memory_free_sized(CATZILLA_MEMORY_STATIC, block, 200);
    assert_reported(CATZILLA_MEMORY_REPORT_WRONG_SIZE, CATZILLA_MEMORY_STATIC, block, 300);
    catzilla_memory_free_sized(CATZILLA_MEMORY_STATIC, catzilla_static_alloc(300), 300);
    catzilla_memory_free_sized(CATZILLA_MEMORY_STATIC, catzilla_static_alloc(0), 0);
    assert_int_equal(reports, 0);
    assert_int_equal(usage_of_all(), 0);
}

static void a_foreign_block_is_reported_and_left_alone(void **state)
{
    (void)state;
    start_debug(1);
    char *foreign = malloc(100);
    assert_non_null(foreign);
    memset(foreign, 'f', 100);
    void *volatile pointer = foreign;
    catzilla_request_free(pointer);
    assert_int_equal(reports, 1);
    assert_int_equal(last.kind, CATZILLA_MEMORY_REPORT_UNKNOWN);
    assert_int_equal(last.of, -1);
    assert_ptr_equal(last.block, foreign);
    assert_int_equal(foreign[99], 'f');
    free(foreign);
}

static void cleanup_reports_leaks_by_class_and_place(void **state)
{
    void *leaked[5];
    (void)state;
    start_debug(1);
    assert_int_equal(catzilla_memory_init(), 0);
    catzilla_free(CATZILLA_ALLOC(CATZILLA_MEMORY_CACHE, 10));
    int line = 0;
    for (size_t i = 0; i < COUNT_OF(leaked); i++) {
        line = __LINE__ + 1;
        leaked[i] = CATZILLA_ALLOC(CATZILLA_MEMORY_CACHE, 100);
    }
    catzilla_memory_cleanup();
    assert_int_equal(reports, 1);
    assert_int_equal(last.kind, CATZILLA_MEMORY_REPORT_LEAK);
    assert_int_equal(last.of, CATZILLA_MEMORY_CACHE);
    assert_int_equal(last.count, 5);
    assert_int_equal(last.size, 500);
    assert_allocated_at(line);
    reports = 0;
    catzilla_memory_check_leaks();
    assert_int_equal(reports, 1);
    for (size_t i = 0; i < COUNT_OF(leaked); i++)
        catzilla_free(leaked[i]);
    reports = 0;
    catzilla_memory_check_leaks();
    catzilla_memory_cleanup();
    assert_int_equal(reports, 0);
}

static void a_leak_without_a_macro_has_a_backtrace(void **state)
{
    (void)state;
    start_debug(1);
    void *leaked = catzilla_cache_alloc(100);
    catzilla_memory_check_leaks();
    assert_int_equal(reports, 1);
    assert_null(last.file);
    /* An address at least; a name where the program has one. */
    assert_non_null(strstr(last_text, "0x"));
    catzilla_free(leaked);
}

static void a_region_blocks_overrun_is_found_at_reset(void **state)
{
    static const size_t size[] = {0, 1, 16, 31, 32, 5000};
    (void)state;
    start_debug(1);
    catzilla_region_t *region = NULL;
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region), 0);
    for (size_t i = 0; i < COUNT_OF(size); i++) {
        volatile char *block = catzilla_region_alloc(region, size[i]);
        assert_non_null(catzilla_region_alloc(region, 32));
        block[size[i]] = 'X';
        catzilla_region_reset(region);
        assert_reported(CATZILLA_MEMORY_REPORT_OVERRUN, CATZILLA_MEMORY_REQUEST, (void *)block,
                        size[i]);
    }
    catzilla_region_destroy(region);
    assert_int_equal(reports, 0);
}

/* The block that is held and the one that holds are both a region's. */
static void an_escape_into_a_longer_region_names_its_block(void **state)
{
    (void)state;
    start_debug(2);
    catzilla_region_t *region = NULL;
    catzilla_region_t *longer = NULL;
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_RESPONSE, &region), 0);
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_TASK, &longer), 0);
    char *held = catzilla_region_alloc(region, 100);
    char **holder = catzilla_region_zalloc(longer, 4 * sizeof *holder);
    holder[3] = held + 99;
    catzilla_region_reset(region);
    assert_reported(CATZILLA_MEMORY_REPORT_ESCAPE, CATZILLA_MEMORY_RESPONSE, held, 100);
    assert_ptr_equal(last.holder, holder);
    assert_int_equal(last.holder_offset, 3 * sizeof *holder);
    assert_int_equal(last.holder_of, CATZILLA_MEMORY_TASK);
    catzilla_region_destroy(longer);
    catzilla_region_destroy(region);
    assert_int_equal(reports, 0);
}

/* A holder of a longer life keeps a pointer into the region, in its middle and at an odd block. */
static void an_escape_names_the_holder(void **state)
{
    static const catzilla_memory_type_t longer[] = {CATZILLA_MEMORY_CACHE, CATZILLA_MEMORY_STATIC,
                                                    CATZILLA_MEMORY_TASK, CATZILLA_MEMORY_GENERAL};
    (void)state;
    start_debug(2);
    catzilla_region_t *region = NULL;
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region), 0);
    for (size_t i = 0; i < COUNT_OF(longer); i++) {
        const int line = __LINE__ + 1;
        char **holder = CATZILLA_ZALLOC(longer[i], 10 * sizeof *holder);
        assert_non_null(holder);
        for (int j = 0; j < 5; j++)
            assert_non_null(catzilla_region_alloc(region, 200));
        holder[7] = (char *)catzilla_region_alloc(region, 200) + 60;
        catzilla_region_reset(region);
        assert_int_equal(reports, 1);
        assert_int_equal(last.kind, CATZILLA_MEMORY_REPORT_ESCAPE);
        assert_ptr_equal(last.holder, holder);
        assert_int_equal(last.holder_offset, 7 * sizeof *holder);
        assert_int_equal(last.holder_of, longer[i]);
        assert_non_null(last.holder_file);
        assert_string_equal(last.holder_file, __FILE__);
        assert_int_equal(last.holder_line, line);
        CATZILLA_FREE(holder);
        reports = 0;
    }
    catzilla_region_destroy(region);
    assert_int_equal(reports, 0);
}

static void what_ends_with_the_region_is_no_escape(void **state)
{
    (void)state;
    start_debug(2);
    catzilla_region_t *region = NULL;
    assert_int_equal(catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region), 0);
    for (int round = 0; round < 3; round++) {
        char **list = catzilla_region_alloc(region, 10 * sizeof *list);
        for (int i = 0; i < 10; i++)
            list[i] = catzilla_region_alloc(region, 100);
        /* And a holder that let go of it in time. */
        char **holder = catzilla_cache_alloc(sizeof *holder);
        *holder = list[3];
        *holder = NULL;
        catzilla_region_reset(region);
        catzilla_cache_free(holder);
    }
    catzilla_region_destroy(region);
    if (reports != 0)
        fail_msg("reported: %s", last_text);
}

static size_t work_cleanly(void *context, size_t index)
{
    enum { SLOTS = 64 };
    void *slot[SLOTS] = {NULL};
    uint64_t seed = index;
    size_t failures = 0;
    for (size_t i = 0; i < *(const size_t *)context; i++) {
        const uint64_t draw = next_random(&seed);
        const size_t class = (draw >> 8) % MEMORY_CLASSES;
        const size_t size = (draw >> 16) % 600;
        void **place = &slot[draw % SLOTS];
        if (draw % 5 == 0)
            *place = memory_class[class].realloc(*place, size);
        else {
            catzilla_free(*place);
            *place = memory_class[class].alloc(size);
        }
        failures += *place == NULL;
        if (*place != NULL)
            memset(*place, (int)draw, size);
    }
    for (size_t i = 0; i < SLOTS; i++)
        catzilla_free(slot[i]);
    return failures;
}

static void a_million_clean_operations_report_nothing(void **state)
{
    size_t rounds = scaled(1000000 / 4);
    (void)state;
    start_debug(1);
    assert_int_equal(run_threads(4, work_cleanly, &rounds), 0);
    catzilla_memory_check_leaks();
    catzilla_memory_cleanup();
    if (reports != 0)
        fail_msg("%zu reports, the last: %s", reports, last_text);
    assert_int_equal(usage_of_all(), 0);
}

static void usage_counts_the_bytes_asked_for(void **state)
{
    (void)state;
    start_debug(1);
    void *block = catzilla_cache_alloc(1000);
    assert_int_equal(usage_of(CATZILLA_MEMORY_CACHE), 1000);
    assert_int_equal(catzilla_memory_class_of(block), CATZILLA_MEMORY_CACHE);
    catzilla_free(block);
    assert_int_equal(usage_of_all(), 0);
}

static void the_level_is_chosen_before_the_first_use(void **state)
{
    static const int wrong[] = {-1, 3, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(catzilla_memory_set_debug(wrong[i]), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_set_debug(2), 0);
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    assert_int_equal(catzilla_memory_init(), 0);
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    assert_int_equal(catzilla_memory_set_debug(0), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_memory_set_debug(2), CATZILLA_ERR_STATE);
}

static void overrun_on_demand_of_the_environment(void)
{
    setenv("CATZILLA_DEBUG", "1", 1);
    volatile char *block = CATZILLA_ALLOC(CATZILLA_MEMORY_STATIC, 40);
    block[40] = 'X';
    catzilla_free((void *)block);
}

static void without_a_callback_damage_goes_to_stderr_and_ends_the_process(void **state)
{
    char text[4096];
    (void)state;
    const int status = status_of_child(overrun_on_demand_of_the_environment, text, sizeof text);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "static"));
    assert_non_null(strstr(text, "40"));
    assert_non_null(strstr(text, "test_debug.c"));
}

static void free_twice(void)
{
    void *block = catzilla_cache_alloc(40);
    void *volatile again = block;
    catzilla_free(block);
    catzilla_free(again);
}

static void overrun(void)
{
    volatile char *block = catzilla_cache_alloc(40);
    block[40] = 'X';
    catzilla_free((void *)block);
}

static void write_after_free(void)
{
    char *block = catzilla_cache_alloc(40);
    char *volatile dangling = block;
    catzilla_free(block);
    dangling[5] = 'X';
    catzilla_memory_cleanup();
}

static void free_as_another_class(void)
{
    catzilla_task_free(catzilla_cache_alloc(40));
}

static void free_with_another_size(void)
{
    catzilla_memory_free_sized(CATZILLA_MEMORY_CACHE, catzilla_cache_alloc(40), 30);
}

static void free_what_is_no_block(void)
{
    static char foreign[64];
    catzilla_free(foreign + 16);
}

static void leak(void)
{
    (void)catzilla_cache_alloc(40);
    catzilla_memory_check_leaks();
}

static void outlive_a_region(void)
{
    catzilla_region_t *region = NULL;
    if (catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region) != 0)
        return;
    void **holder = catzilla_cache_alloc(sizeof *holder);
    *holder = catzilla_region_alloc(region, 40);
    catzilla_region_reset(region);
    catzilla_free(holder);
    catzilla_region_destroy(region);
}

static void damage_ends_the_process_and_nothing_else_does(void **state)
{
    static const struct {
        void (*fault)(void);
        const char *report;
        bool ends;
    } row[] = {
        {free_twice, "double free", true},
        {overrun, "overrun", true},
        {write_after_free, "written after free", true},
        {free_as_another_class, "freed as another class", false},
        {free_with_another_size, "freed with another size", false},
        {free_what_is_no_block, "free of an unknown block", false},
        {leak, "leak", false},
        {outlive_a_region, "pointer kept beyond its lifetime", false},
    };
    char text[4096];
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(2), 0);
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const int status = status_of_child(row[i].fault, text, sizeof text);
        const bool ended = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        if (strstr(text, row[i].report) == NULL || ended != row[i].ends || (!ended && status != 0))
            fail_msg("%s: status %#x, said: %s", row[i].report, (unsigned)status, text);
    }
}

static void a_free_that_reports_keeps_errno(void **state)
{
    (void)state;
    assert_int_equal(catzilla_memory_set_debug(1), 0);
    void *block = catzilla_cache_alloc(10);
    assert_non_null(block);
    /* The report finds stderr closed, which is no news to whoever frees. */
    const int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0);
    close(STDERR_FILENO);
    errno = EDOM;
    catzilla_request_free(block);
    const int after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(after, EDOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_behind_the_block_is_an_overrun),
        cmocka_unit_test(an_overrun_is_found_by_realloc_too),
        cmocka_unit_test(a_double_free_names_both_places),
        cmocka_unit_test(a_write_after_free_is_found_when_quarantine_ends),
        cmocka_unit_test(the_wrong_classes_free_is_reported_and_frees),
        cmocka_unit_test(a_wrong_size_is_reported),
        cmocka_unit_test(a_foreign_block_is_reported_and_left_alone),
        cmocka_unit_test(cleanup_reports_leaks_by_class_and_place),
        cmocka_unit_test(a_leak_without_a_macro_has_a_backtrace),
        cmocka_unit_test(a_region_blocks_overrun_is_found_at_reset),
        cmocka_unit_test(an_escape_names_the_holder),
        cmocka_unit_test(an_escape_into_a_longer_region_names_its_block),
        cmocka_unit_test(what_ends_with_the_region_is_no_escape),
        cmocka_unit_test(a_million_clean_operations_report_nothing),
        cmocka_unit_test(usage_counts_the_bytes_asked_for),
        cmocka_unit_test(the_level_is_chosen_before_the_first_use),
        cmocka_unit_test(without_a_callback_damage_goes_to_stderr_and_ends_the_process),
        cmocka_unit_test(damage_ends_the_process_and_nothing_else_does),
        cmocka_unit_test(a_free_that_reports_keeps_errno),
    };
    return run_isolated("memory debug", tests, COUNT_OF(tests), use_allocator_under_test);
}
