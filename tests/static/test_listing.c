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

/* What the pages gather their entries in. */
static catzilla_region_t *region;

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
        cz_listing_write(region, directory, CATZILLA_SLICE("/<&/"), is_root, hidden, &page, &size),
        0);
    catzilla_region_reset(region);
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
            rc =
                cz_listing_write(region, directory, CATZILLA_SLICE("/"), true, false, &page, &size);
            catzilla_region_reset(region);
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

/* Makes or removes files and FIFOs with names of a length. */
static void crowd(int fd, unsigned files, unsigned fifos, int length, bool make)
{
    char name[256];
    for (unsigned i = 0; i < files + fifos; i++) {
        snprintf(name, sizeof name, "%0*u", length, i);
        if (!make)
            assert_int_equal(unlinkat(fd, name, 0), 0);
        else if (i < files)
            close(openat(fd, name, O_WRONLY | O_CREAT, 0644));
        else
            assert_int_equal(mkfifoat(fd, name, 0644), 0);
    }
}

static size_t entries_in(const char *page)
{
    size_t count = 0;
    for (const char *at = page; (at = strstr(at, "<tr>")) != NULL; at++)
        count++;
    return count;
}

/* By entries, by what the page holds, and by names that are looked at for nothing. */
static void a_page_is_bounded_however_much_there_is(void **state)
{
    static const struct {
        unsigned files, fifos;
        int length;
        size_t least, most;
    } row[] = {
        {CZ_LISTING_MOST - 5, 0, 10, CZ_LISTING_MOST, CZ_LISTING_MOST},
        {CZ_LISTING_MOST + 50, 0, 10, CZ_LISTING_MOST, CZ_LISTING_MOST},
        {CZ_LISTING_MOST + 50, 0, 250, CZ_LISTING_MOST / 2, CZ_LISTING_MOST},
        {10, CZ_LISTING_NAMES, 10, 0, 15},
    };
    static const char cut[] = "There are more entries than this page shows.";
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        crowd(directory, row[i].files, row[i].fifos, row[i].length, true);
        char *page = page_of(true, false);
        crowd(directory, row[i].files, row[i].fifos, row[i].length, false);
        size_t count = entries_in(page);
        if (count < row[i].least || count > row[i].most)
            fail_msg("row %zu: %zu entries", i, count);
        assert_int_equal(strstr(page, cut) != NULL, i > 0);
        assert_true(strlen(page) < CZ_LISTING_BYTES + 8192);
        catzilla_free(page);
    }
}

static void what_a_page_gathers_counts_among_what_a_request_may_hold(void **state)
{
    char *page;
    size_t size;
    (void)state;
    crowd(directory, 500, 0, 200, true);
    assert_int_equal(lseek(directory, 0, SEEK_SET), 0);
    catzilla_region_set_limit(region, 65536);
    int rc = cz_listing_write(region, directory, CATZILLA_SLICE("/"), true, false, &page, &size);
    catzilla_region_reset(region);
    catzilla_region_set_limit(region, SIZE_MAX);
    crowd(directory, 500, 0, 200, false);
    assert_int_equal(rc, CATZILLA_ERR_NOMEM);
    assert_null(page);
}

int main(void)
{
    /* Only debug mode lets allocations fail. */
    if (catzilla_memory_set_debug(1) != 0)
        return 1;
    if (catzilla_region_create(CATZILLA_MEMORY_REQUEST, &region) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_escaped_as_links_and_as_text),
        cmocka_unit_test(directories_come_first_and_files_in_order),
        cmocka_unit_test(what_is_not_served_is_not_shown),
        cmocka_unit_test(a_page_leaves_nothing_live),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_live),
        cmocka_unit_test(a_page_is_bounded_however_much_there_is),
        cmocka_unit_test(what_a_page_gathers_counts_among_what_a_request_may_hold),
    };
    int failed =
        cmocka_run_group_tests_name("static/listing", tests, plant_directory, remove_directory);
    catzilla_region_destroy(region);
    return failed;
}
