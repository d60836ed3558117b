/* jemalloc's options as they were baked in when it was built, read back from the running copy. A
 * malloc_conf of anybody else's that got in the way would show here. */
#include "support.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void the_baked_in_options_arrived(void **state)
{
    static const struct {
        const char *name, *value;
    } row[] = {
        {"dirty_decay_ms", "1000"}, {"muzzy_decay_ms", "0"},  {"metadata_thp", "disabled"},
        {"prof", "true"},           {"prof_active", "false"}, {"cache_oblivious", "false"},
    };
    char text[32];
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        const int rc = catzilla_memory_get_option(row[i].name, text, sizeof text);
        if (rc != 0 || strcmp(text, row[i].value) != 0)
            fail_msg("%s: %s, \"%s\" instead of \"%s\"", row[i].name, catzilla_memory_strerror(rc),
                     rc == 0 ? text : "", row[i].value);
    }
}

static void options_are_unsupported_where_jemalloc_is_not_built_in(void **state)
{
    char text[32];
    (void)state;
    if (catzilla_memory_has_jemalloc())
        skip();
    assert_int_equal(catzilla_memory_get_option("prof", text, sizeof text),
                     CATZILLA_ERR_UNSUPPORTED);
}

static void an_unknown_option_and_a_small_buffer_are_refused(void **state)
{
    char text[8];
    (void)state;
    if (!catzilla_memory_has_jemalloc())
        skip();
    assert_int_equal(catzilla_memory_get_option("no_such", text, sizeof text),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_get_option(NULL, text, sizeof text), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_memory_get_option("prof", NULL, 8), CATZILLA_ERR_INVALID);
    /* "1000" and its NUL take five. */
    assert_int_equal(catzilla_memory_get_option("dirty_decay_ms", text, 4), CATZILLA_ERR_NOMEM);
    assert_string_equal(text, "");
    assert_int_equal(catzilla_memory_get_option("dirty_decay_ms", text, 5), 0);
    assert_string_equal(text, "1000");
}

static void reading_an_option_leaves_the_choice_open(void **state)
{
    char text[32];
    (void)state;
    (void)catzilla_memory_get_option("prof", text, sizeof text);
    assert_int_equal(catzilla_memory_set_allocator(CATZILLA_ALLOCATOR_MALLOC), 0);
}

static size_t threads(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count - 2; /* "." and ".." */
}

static void all_classes_together_have_one_thread(void **state)
{
    const size_t before = threads();
    const size_t wanted = catzilla_memory_has_jemalloc() ? 1 : 0;
    (void)state;
    assert_int_equal(catzilla_memory_init(), 0);
    for (size_t i = 0; i < MEMORY_CLASSES; i++)
        catzilla_free(memory_class[i].alloc(1 << 20));
    /* jemalloc's first one starts the others, in its own time. */
    for (int i = 0; i < 20; i++) {
        assert_in_range(threads() - before, 0, wanted);
        usleep(10000);
    }
    assert_int_equal(threads() - before, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_baked_in_options_arrived),
        cmocka_unit_test(options_are_unsupported_where_jemalloc_is_not_built_in),
        cmocka_unit_test(an_unknown_option_and_a_small_buffer_are_refused),
        cmocka_unit_test(reading_an_option_leaves_the_choice_open),
        cmocka_unit_test(all_classes_together_have_one_thread),
    };
    return run_isolated("memory options", tests, COUNT_OF(tests), NULL);
}
