/* The page that stands for a directory. */
#define _GNU_SOURCE
#include "static/listing.h"

#include <catzilla/errors.h>
#include <catzilla/memory.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char base[] = "/tmp/catzilla-listing-XXXXXX";
static int directory;

static const char *const names[] = {"b.txt", "a <b>&\"c\".txt", "x:y.html", ".hidden",
                                    "per%cent \xC3\xA9"};

static int plant_directory(void **state)
{
    (void)state;
    if (mkdtemp(base) == NULL)
        return -1;
    directory = open(base, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        close(openat(directory, names[i], O_WRONLY | O_CREAT, 0644));
    return mkdirat(directory, "zdir", 0755) | mkfifoat(directory, "pipe", 0644);
}

static int remove_directory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(directory, names[i], 0);
    unlinkat(directory, "pipe", 0);
    unlinkat(directory, "zdir", AT_REMOVEDIR);
    close(directory);
    return rmdir(base);
}

/* The page as a string; the caller frees it. */
static char *page_of(bool is_root, bool hidden)
{
    char *page;
    size_t size;
    assert_int_equal(lseek(directory, 0, SEEK_SET), 0);
    assert_int_equal(
        cz_listing_write(directory, CATZILLA_SLICE("/<&/"), is_root, hidden, &page, &size), 0);
    page = catzilla_response_realloc(page, size + 1);
    assert_non_null(page);
    page[size] = '\0';
    return page;
}

static void expect_in(const char *page, const char *part)
{
    if (strstr(page, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, page);
}

static void names_are_escaped_as_links_and_as_text(void **state)
{
    (void)state;
    char *page = page_of(true, false);
    expect_in(page, "<title>/&lt;&amp;/</title>");
    expect_in(page, "href=\"./a%20%3Cb%3E%26%22c%22.txt\">a &lt;b&gt;&amp;&quot;c&quot;.txt</a>");
    expect_in(page, "href=\"./x%3Ay.html\"");
    expect_in(page, "href=\"./per%25cent%20%C3%A9\">per%cent \xC3\xA9</a>");
    expect_in(page, "href=\"./zdir/\">zdir/</a>");
    catzilla_free(page);
}

static void directories_come_first_and_files_in_order(void **state)
{
    (void)state;
    char *page = page_of(true, false);
    assert_true(strstr(page, "zdir/") < strstr(page, "a &lt;b"));
    assert_true(strstr(page, "a &lt;b") < strstr(page, "b.txt"));
    catzilla_free(page);
}

static void what_is_not_served_is_not_shown(void **state)
{
    (void)state;
    char *page = page_of(true, false);
    assert_null(strstr(page, "pipe"));
    assert_null(strstr(page, ".hidden"));
    assert_null(strstr(page, "../"));
    catzilla_free(page);
    page = page_of(false, true);
    expect_in(page, ".hidden");
    expect_in(page, "href=\"../\"");
    catzilla_free(page);
}

static void a_page_leaves_nothing_live(void **state)
{
    size_t request_before;
    size_t request_after;
    size_t response_before;
    size_t response_after;
    (void)state;
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_REQUEST, &request_before, NULL);
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_RESPONSE, &response_before, NULL);
    catzilla_free(page_of(true, true));
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_REQUEST, &request_after, NULL);
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_RESPONSE, &response_after, NULL);
    assert_int_equal(request_before, request_after);
    assert_int_equal(response_before, response_after);
}

/* Lets one allocation more succeed each time, up until the page can be written. */
static void running_out_of_memory_leaves_nothing_live(void **state)
{
    static const catzilla_memory_type_t classes[] = {CATZILLA_MEMORY_REQUEST,
                                                     CATZILLA_MEMORY_RESPONSE};
    (void)state;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        int rc = CATZILLA_ERR_NOMEM;
        int successes = 0;
        for (; rc != 0 && successes < 1000; successes++) {
            size_t before;
            size_t after;
            char *page;
            size_t size;
            catzilla_memory_get_arena_stats(classes[i], &before, NULL);
            assert_int_equal(catzilla_memory_fail_after(classes[i], successes), 0);
            assert_int_equal(lseek(directory, 0, SEEK_SET), 0);
            rc = cz_listing_write(directory, CATZILLA_SLICE("/"), true, false, &page, &size);
            if (rc == 0)
                catzilla_response_free(page);
            else if (rc != CATZILLA_ERR_NOMEM || page != NULL)
                fail_msg("%d with %d allocations", rc, successes);
            catzilla_memory_get_arena_stats(classes[i], &after, NULL);
            assert_int_equal(before, after);
        }
        assert_int_equal(catzilla_memory_fail_after(classes[i], -1), 0);
        assert_int_equal(rc, 0);
        assert_true(successes > 2);
    }
}

int main(void)
{
    /* Only debug mode lets allocations fail. */
    if (catzilla_memory_set_debug(1) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_escaped_as_links_and_as_text),
        cmocka_unit_test(directories_come_first_and_files_in_order),
        cmocka_unit_test(what_is_not_served_is_not_shown),
        cmocka_unit_test(a_page_leaves_nothing_live),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_live),
    };
    return cmocka_run_group_tests_name("static/listing", tests, plant_directory, remove_directory);
}
