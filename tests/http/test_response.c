/* Replies as they are written down. */
#include "http/response.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static cz_pool_t pool;
static int released;

static int begin(void **state)
{
    cz_pool_init(&pool, catzilla_response_alloc, catzilla_response_free, 1u << 20);
    *state = cz_response_create(&pool);
    released = 0;
    return *state == NULL ? -1 : 0;
}

static int end(void **state)
{
    catzilla_memory_stats_t stats;
    cz_response_destroy(*state);
    cz_pool_trim(&pool);
    catzilla_memory_get_stats(&stats);
    return stats.response_arena_usage == 0 ? 0 : -1;
}

static void count(void *user_data)
{
    (*(int *)user_data)++;
}

static void expect_head(const catzilla_response_t *response, bool keep_alive, const char *wanted)
{
    char out[8192];
    cz_reply_facts_t facts = {"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", keep_alive, false};
    assert_true(cz_response_head_room(response) < sizeof out);
    char *stop = cz_response_write_head(response, &facts, out);
    assert_true((size_t)(stop - out) <= cz_response_head_room(response));
    *stop = '\0';
    assert_string_equal(out, wanted);
}

static void an_untouched_response_is_an_empty_200(void **state)
{
    expect_head(*state, true,
                "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Content-Length: 0\r\n\r\n");
}

static void status_fields_and_body_are_written_in_order(void **state)
{
    catzilla_response_t *response = *state;
    assert_int_equal(catzilla_response_status(response, 404), 0);
    assert_int_equal(catzilla_response_header(response, CATZILLA_SLICE("A"), CATZILLA_SLICE("b")),
                     0);
    assert_int_equal(catzilla_response_header(response, CATZILLA_SLICE("C"), CATZILLA_SLICE("")),
                     0);
    assert_int_equal(catzilla_response_body(response, CATZILLA_SLICE("0123456789")), 0);
    expect_head(response, false,
                "HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Content-Length: 10\r\nConnection: close\r\nA: b\r\nC: \r\n\r\n");
}

static void statuses_outside_their_range_are_refused(void **state)
{
    static const int status[] = {-1, 0, 100, 199, 600, 1000};
    for (size_t i = 0; i < sizeof status / sizeof *status; i++)
        assert_int_equal(catzilla_response_status(*state, status[i]), CATZILLA_ERR_INVALID);
    expect_head(*state, true,
                "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Content-Length: 0\r\n\r\n");
}

static void fields_that_would_split_the_reply_are_refused(void **state)
{
    static const struct {
        catzilla_slice_t name, value;
    } row[] = {
        {{"A", 1}, {"b\r\nC: d", 7}},
        {{"A", 1}, {"b\n", 2}},
        {{"A", 1}, {"b\r", 2}},
        {{"A", 1}, {"b\0c", 3}},
        {{"A", 1}, {"\x7f", 1}},
        {{"A:", 2}, {"b", 1}},
        {{"A B", 3}, {"b", 1}},
        {{"A\r\n", 3}, {"b", 1}},
        {{"", 0}, {"b", 1}},
        {{"content-LENGTH", 14}, {"5", 1}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"Connection", 10}, {"close", 5}},
        {{"Keep-Alive", 10}, {"a", 1}},
        {{"Date", 4}, {"now", 3}},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (catzilla_response_header(*state, row[i].name, row[i].value) != CATZILLA_ERR_HEADER)
            fail_msg("row %zu was accepted", i);
    assert_int_equal(((catzilla_response_t *)*state)->fields.size, 0);
}

/* RFC 9110, section 7.8, and 15.5.22 of a 426. */
static void a_field_upgrade_is_named_in_connection(void **state)
{
#define REQUIRED "HTTP/1.1 426 Upgrade Required\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    catzilla_response_t *response = *state;
    assert_int_equal(catzilla_response_status(response, 426), 0);
    assert_int_equal(
        catzilla_response_header(response, CATZILLA_SLICE("upgrade"), CATZILLA_SLICE("a/1")), 0);
    expect_head(response, true,
                REQUIRED "Content-Length: 0\r\nConnection: upgrade\r\nupgrade: a/1\r\n\r\n");
    expect_head(response, false,
                REQUIRED "Content-Length: 0\r\nConnection: close, upgrade\r\nupgrade: a/1\r\n\r\n");
    cz_response_reset(response);
    expect_head(response, true,
                "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                "Content-Length: 0\r\n\r\n");
}

static void many_fields_and_a_large_body_find_room(void **state)
{
    catzilla_response_t *response = *state;
    char *large = malloc(100000);
    assert_non_null(large);
    memset(large, 'x', 100000);
    for (int i = 0; i < 200; i++)
        assert_int_equal(catzilla_response_header(response, CATZILLA_SLICE("X-Field"),
                                                  CATZILLA_SLICE("some value or other")),
                         0);
    catzilla_slice_t body = {large, 100000};
    assert_int_equal(catzilla_response_body(response, body), 0);
    assert_int_equal(response->fields.size, 200 * sizeof "X-Field: some value or other\r");
    assert_memory_equal(response->copied.data, large, 100000);
    assert_int_equal(response->length, 100000);
    free(large);
}

static void a_borrowed_body_is_released_once(void **state)
{
    catzilla_response_t *response = *state;
    catzilla_slice_t none = {NULL, 0};
    assert_int_equal(
        catzilla_response_body_borrow(response, CATZILLA_SLICE("abc"), count, &released), 0);
    assert_int_equal(released, 0);
    assert_int_equal(catzilla_response_body(response, CATZILLA_SLICE("other")), 0);
    assert_int_equal(released, 1);
    assert_int_equal(catzilla_response_body_borrow(response, none, count, &released),
                     CATZILLA_ERR_INVALID);
    assert_int_equal(released, 2);
    assert_int_equal(
        catzilla_response_body_borrow(response, CATZILLA_SLICE("abc"), count, &released), 0);
    cz_response_reset(response);
    assert_int_equal(released, 3);
}

static void a_file_is_closed_whatever_happens(void **state)
{
    int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(catzilla_response_file(*state, first, 0, 10), 0);
    assert_int_equal(catzilla_response_file(*state, -1, 0, 10), CATZILLA_ERR_INVALID);
    assert_int_equal(fcntl(first, F_GETFD), -1);
    int second = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(catzilla_response_file(*state, second, UINT64_MAX, 1), CATZILLA_ERR_INVALID);
    assert_int_equal(fcntl(second, F_GETFD), -1);
}

static void a_plain_answer_forgets_what_was_set(void **state)
{
    catzilla_response_t *response = *state;
    catzilla_response_header(response, CATZILLA_SLICE("A"), CATZILLA_SLICE("b"));
    cz_response_plain(response, 500);
    expect_head(response, true,
                "HTTP/1.1 500 Internal Server Error\r\n"
                "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 26\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n\r\n");
    assert_memory_equal(response->copied.data, "500 Internal Server Error\n", 26);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(an_untouched_response_is_an_empty_200),
        CASE(status_fields_and_body_are_written_in_order),
        CASE(statuses_outside_their_range_are_refused),
        CASE(fields_that_would_split_the_reply_are_refused),
        CASE(a_field_upgrade_is_named_in_connection),
        CASE(many_fields_and_a_large_body_find_room),
        CASE(a_borrowed_body_is_released_once),
        CASE(a_file_is_closed_whatever_happens),
        CASE(a_plain_answer_forgets_what_was_set),
    };
    return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
