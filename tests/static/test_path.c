/* What of a request's path may name a file. */
#include "static/path.h"

#include <catzilla/errors.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* `rest` may hold NULs, so it comes with its length. */
#define REST(literal) literal, sizeof(literal) - 1

static const struct {
    const char *raw;
    const char *rest;
    size_t size;
    const char *path; /* NULL: refused */
} row[] = {
    {"/", REST(""), "."},
    {"/a", REST("a"), "a"},
    {"/a/b.txt", REST("a/b.txt"), "a/b.txt"},
    {"/a/", REST("a/"), "a"},
    {"/a%20b", REST("a b"), "a b"},
    {"/a%5Cb", REST("a\\b"), "a\\b"},
    {"/%C3%A9", REST("\xC3\xA9"), "\xC3\xA9"},
    {"/a..b", REST("a..b"), "a..b"},
    {"/a...", REST("a..."), "a..."},
    {"/100%25", REST("100%"), "100%"},
    {"/%252e%252e/x", REST("%2e%2e/x"), "%2e%2e/x"},
    {"/.well-known/x", REST(".well-known/x"), ".well-known/x"},
    {"/..", REST(".."), NULL},
    {"/../etc/passwd", REST("../etc/passwd"), NULL},
    {"/a/../b", REST("a/../b"), NULL},
    {"/a/..", REST("a/.."), NULL},
    {"/%2e%2e/x", REST("../x"), NULL},
    {"/.%2E/x", REST("../x"), NULL},
    {"/.", REST("."), NULL},
    {"/a/./b", REST("a/./b"), NULL},
    {"/a//b", REST("a//b"), NULL},
    {"//a", REST("/a"), NULL},
    {"//", REST("/"), NULL},
    {"/a//", REST("a//"), NULL},
    {"/a%2fb", REST("a/b"), NULL},
    {"/a%2Fb", REST("a/b"), NULL},
    {"/%2e%2e%2fx", REST("../x"), NULL},
    {"/a%2f", REST("a/"), NULL},
    {"/a%00b", REST("a\0b"), NULL},
    {"/a%00", REST("a"), NULL},
    {"/a", REST("a\0b"), NULL},
    {"/.git/config", REST(".git/config"), NULL},
    {"/a/.secret", REST("a/.secret"), NULL},
    {"/%2egit", REST(".git"), NULL},
    {"/.well-known2", REST(".well-known2"), NULL},
};

static void a_path_is_one_below_the_root_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char path[CZ_PATH_SIZE];
        catzilla_slice_t rest = {row[i].rest, row[i].size};
        int rc = cz_path_relative(catzilla_slice_of(row[i].raw), rest, false, path);
        if (row[i].path == NULL && rc != CATZILLA_ERR_NOT_FOUND)
            fail_msg("%s was let through", row[i].raw);
        if (row[i].path != NULL && (rc != 0 || strcmp(path, row[i].path) != 0))
            fail_msg("%s gave %d", row[i].raw, rc);
    }
}

static void an_absent_rest_is_the_root(void **state)
{
    char path[CZ_PATH_SIZE];
    (void)state;
    assert_int_equal(cz_path_relative(CATZILLA_SLICE("/"), catzilla_slice_of(NULL), false, path),
                     0);
    assert_string_equal(path, ".");
}

static void hidden_names_are_served_on_request_but_never_dots(void **state)
{
    char path[CZ_PATH_SIZE];
    (void)state;
    assert_int_equal(cz_path_relative(CATZILLA_SLICE("/.a/b"), CATZILLA_SLICE(".a/b"), true, path),
                     0);
    assert_string_equal(path, ".a/b");
    assert_int_equal(cz_path_relative(CATZILLA_SLICE("/.."), CATZILLA_SLICE(".."), true, path),
                     CATZILLA_ERR_NOT_FOUND);
    assert_int_equal(cz_path_relative(CATZILLA_SLICE("/."), CATZILLA_SLICE("."), true, path),
                     CATZILLA_ERR_NOT_FOUND);
}

static void a_path_ends_where_the_room_does(void **state)
{
    static char text[CZ_PATH_SIZE + 1];
    char path[CZ_PATH_SIZE];
    (void)state;
    memset(text, 'a', sizeof text);
    catzilla_slice_t longest = {text, CZ_PATH_SIZE - 1};
    catzilla_slice_t longer = {text, CZ_PATH_SIZE};
    assert_int_equal(cz_path_relative(CATZILLA_SLICE("/a"), longest, false, path), 0);
    assert_int_equal(strlen(path), CZ_PATH_SIZE - 1);
    assert_int_equal(cz_path_relative(CATZILLA_SLICE("/a"), longer, false, path),
                     CATZILLA_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_one_below_the_root_or_refused),
        cmocka_unit_test(an_absent_rest_is_the_root),
        cmocka_unit_test(hidden_names_are_served_on_request_but_never_dots),
        cmocka_unit_test(a_path_ends_where_the_room_does),
    };
    return cmocka_run_group_tests_name("static/path", tests, NULL, NULL);
}
