/* A mount's life and options; what it answers is tested over sockets in tests/integration. */
#include <catzilla/catzilla.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/catzilla-mount-XXXXXX";

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    return rmdir(root);
}

static size_t static_bytes(void)
{
    size_t live = 0;
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_STATIC, &live, NULL);
    return live;
}

static int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);
    close(fd);
    return fd;
}

static void a_mount_lives_in_the_static_class_and_leaves_nothing(void **state)
{
    static const catzilla_static_type_t types[] = {{"foo", "text/foo"}, {"bar", "text/bar"}};
    catzilla_static_options_t options = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_static_t *mount;
    size_t before = static_bytes();
    int descriptor = next_descriptor();
    (void)state;
    options.types = types;
    options.type_count = 2;
    options.cache_control = "max-age=60";
    options.index = NULL;
    assert_int_equal(catzilla_static_create(root, &options, &mount), 0);
    assert_true(static_bytes() > before);
    catzilla_static_destroy(mount);
    assert_int_equal(static_bytes(), before);
    assert_int_equal(next_descriptor(), descriptor);
}

static void destroying_nothing_is_nothing(void **state)
{
    (void)state;
    catzilla_static_destroy(NULL);
}

static void a_root_that_is_not_there_is_told_apart(void **state)
{
    catzilla_static_t *mount = (catzilla_static_t *)root;
    size_t before = static_bytes();
    (void)state;
    assert_int_equal(catzilla_static_create("/nowhere/at/all", NULL, &mount),
                     CATZILLA_ERR_NOT_FOUND);
    assert_null(mount);
    assert_int_equal(catzilla_static_create("/dev/null", NULL, &mount), CATZILLA_ERR_INVALID);
    assert_null(mount);
    assert_int_equal(static_bytes(), before);
}

static void without_memory_there_is_no_mount_and_no_descriptor(void **state)
{
    catzilla_static_t *mount;
    int descriptor = next_descriptor();
    size_t before = static_bytes();
    (void)state;
    assert_int_equal(catzilla_memory_fail_after(CATZILLA_MEMORY_STATIC, 0), 0);
    assert_int_equal(catzilla_static_create(root, NULL, &mount), CATZILLA_ERR_NOMEM);
    assert_null(mount);
    assert_int_equal(static_bytes(), before);
    assert_int_equal(next_descriptor(), descriptor);
}

static void malformed_options_are_refused(void **state)
{
    static const catzilla_static_type_t no_type[] = {{"foo", NULL}};
    static const catzilla_static_type_t no_extension[] = {{NULL, "text/foo"}};
    const catzilla_static_options_t valid = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_static_options_t row[8];
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        row[i] = valid;
    (void)state;
    row[0].size = 0;
    row[1].size = sizeof valid + 1; /* of a newer header */
    row[2].index = "";
    row[3].index = "../index.html";
    row[4].index = "a/b";
    row[5].type_count = 1;
    row[6].types = no_type;
    row[6].type_count = 1;
    row[7].types = no_extension;
    row[7].type_count = 1;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        catzilla_static_t *mount;
        int rc = catzilla_static_create(root, &row[i], &mount);
        if (rc != CATZILLA_ERR_INVALID || mount != NULL)
            fail_msg("row %zu gave %d", i, rc);
    }
}

static void options_of_an_older_header_take_the_defaults(void **state)
{
    catzilla_static_options_t options = CATZILLA_STATIC_OPTIONS_INIT;
    catzilla_static_t *mount;
    (void)state;
    options.size = offsetof(catzilla_static_options_t, types);
    options.type_count = SIZE_MAX; /* not to be read */
    assert_int_equal(catzilla_static_create(root, &options, &mount), 0);
    catzilla_static_destroy(mount);
}

int main(void)
{
    /* Only debug mode lets allocations fail. */
    if (catzilla_memory_set_debug(1) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mount_lives_in_the_static_class_and_leaves_nothing),
        cmocka_unit_test(destroying_nothing_is_nothing),
        cmocka_unit_test(a_root_that_is_not_there_is_told_apart),
        cmocka_unit_test(without_memory_there_is_no_mount_and_no_descriptor),
        cmocka_unit_test(malformed_options_are_refused),
        cmocka_unit_test(options_of_an_older_header_take_the_defaults),
    };
    return cmocka_run_group_tests_name("static/mount", tests, make_root, remove_root);
}
