/* The parser's glue: offsets, bodies in place, and the same answer however the bytes come. */
#include "http/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { FIELDS = 16, ROOM = 4096 };

static cz_limits_t limits = {.max_target_bytes = 256,
                             .max_header_bytes = 1024,
                             .max_headers = FIELDS,
                             .max_body_bytes = 512,
                             .max_extension_bytes = 64,
                             .max_memory = 65536};

typedef struct feed {
    cz_message_t message;
    cz_field_t fields[FIELDS + CZ_MAX_TRAILERS];
    char bytes[ROOM];
    size_t kept;
    cz_parse_result_t result;
    size_t used; /* of what was fed in all */
} feed_t;

static void begin(feed_t *feed)
{
    memset(feed, 0, sizeof *feed);
    cz_parser_start(&feed->message, feed->bytes, feed->fields, &limits);
    feed->result = CZ_PARSE_MORE;
}

/* Feeds as a connection does: behind what is kept, on past a complete head. */
static void give(feed_t *feed, const char *data, size_t size)
{
    char *at = feed->bytes + feed->kept;
    memcpy(at, data, size);
    char *end = at + size;
    while (at < end) {
        size_t used;
        feed->result = cz_parser_feed(&feed->message, at, (size_t)(end - at), &used);
        at += used;
        feed->used += used;
        if (feed->result == CZ_PARSE_DONE || feed->result == CZ_PARSE_REFUSED)
            return;
    }
    feed->kept = cz_parser_kept(&feed->message, end);
}

static bool slice_is(catzilla_slice_t slice, const char *text)
{
    return catzilla_slice_equal(slice, catzilla_slice_of(text));
}

static void expect_field(const cz_head_t *head, uint32_t index, const char *name, const char *value)
{
    const cz_field_t *field = &head->fields[index];
    assert_true(slice_is(cz_head_slice(head, field->name, field->name_size), name));
    assert_true(slice_is(cz_head_slice(head, field->value, field->value_size), value));
}

/* Trailers lie where the body does. */
static void expect_trailer(const feed_t *feed, const char *name, const char *value)
{
    const cz_field_t *field = &feed->message.head.fields[feed->message.head.field_count];
    catzilla_slice_t said = {feed->message.base + field->name, field->name_size};
    catzilla_slice_t told = {feed->message.base + field->value, field->value_size};
    assert_true(slice_is(said, name));
    assert_true(slice_is(told, value));
}

static const char post[] = "\r\nPOST /a/b?c=d HTTP/1.1\r\nHost: example\r\nEmpty:\r\n"
                           "X-Space: \t v w \t\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3;x=y\r\nabc\r\n5\r\n\r\nde\n\r\n0\r\nTail: end\r\n\r\n";

static void expect_post(const feed_t *feed)
{
    const cz_head_t *head = &feed->message.head;
    assert_int_equal(feed->result, CZ_PARSE_DONE);
    assert_true(slice_is(cz_head_slice(head, head->method, head->method_size), "POST"));
    assert_true(slice_is(cz_head_slice(head, head->target, head->target_size), "/a/b?c=d"));
    assert_true(slice_is(cz_head_slice(head, head->path, head->path_size), "/a/b"));
    assert_true(slice_is(cz_head_slice(head, head->query, head->query_size), "c=d"));
    assert_int_equal(head->field_count, 4);
    assert_int_equal(cz_head_trailer_count(head), 1);
    expect_field(head, 0, "Host", "example");
    expect_field(head, 1, "Empty", "");
    expect_field(head, 2, "X-Space", "v w");
    expect_trailer(feed, "Tail", "end");
    assert_true(head->chunked);
    assert_true(head->keep_alive);
    catzilla_slice_t body = {feed->message.base + feed->message.body, feed->message.body_size};
    assert_true(slice_is(body, "abc\r\nde\n"));
}

static void a_request_split_anywhere_is_the_same(void **state)
{
    const size_t size = sizeof post - 1;
    static feed_t feed;
    (void)state;
    for (size_t first = 0; first <= size; first++) {
        begin(&feed);
        give(&feed, post, first);
        if (first < size)
            give(&feed, post + first, size - first);
        expect_post(&feed);
        assert_int_equal(feed.used, size);
    }
}

static void a_request_in_three_pieces_is_the_same(void **state)
{
    const size_t size = sizeof post - 1;
    static feed_t feed;
    (void)state;
    for (size_t first = 1; first < size; first++) {
        for (size_t second = first + 1; second < size; second++) {
            begin(&feed);
            give(&feed, post, first);
            give(&feed, post + first, second - first);
            give(&feed, post + second, size - second);
            expect_post(&feed);
        }
    }
}

static void a_request_byte_by_byte_is_the_same(void **state)
{
    static feed_t feed;
    (void)state;
    begin(&feed);
    for (size_t i = 0; i < sizeof post - 1; i++)
        give(&feed, post + i, 1);
    expect_post(&feed);
}

/* The bytes move between feeds when a connection takes a buffer of its own. */
static void a_request_survives_a_move_of_its_bytes(void **state)
{
    static feed_t feed;
    static char moved[ROOM];
    const size_t size = sizeof post - 1;
    (void)state;
    for (size_t first = 1; first < size; first++) {
        begin(&feed);
        give(&feed, post, first);
        memcpy(moved, feed.bytes, feed.kept);
        memset(feed.bytes, '#', sizeof feed.bytes);
        cz_parser_move(&feed.message, moved);
        memcpy(moved + feed.kept, post + first, size - first);
        char *at = moved + feed.kept, *end = at + size - first;
        while (at < end && feed.result != CZ_PARSE_DONE) {
            size_t used;
            feed.result = cz_parser_feed(&feed.message, at, (size_t)(end - at), &used);
            at += used;
        }
        expect_post(&feed);
    }
}

/* The head stays where it was put, wherever the body that comes later lies. */
static void a_head_apart_survives_what_its_buffer_is_used_for(void **state)
{
    static feed_t feed;
    static char place[ROOM], moved[ROOM];
    const size_t size = sizeof post - 1;
    size_t head = (size_t)(strstr(post + 2, "\r\n\r\n") + 4 - post);
    (void)state;
    for (size_t first = head; first < size; first++) {
        begin(&feed);
        give(&feed, post, head);
        cz_parser_set_apart(&feed.message, place);
        memset(feed.bytes, '#', sizeof feed.bytes);
        feed.kept = cz_parser_kept(&feed.message, feed.bytes + head);
        assert_int_equal(feed.kept, 0);
        cz_parser_move(&feed.message, feed.bytes);
        give(&feed, post + head, first - head);
        memcpy(moved, feed.bytes, feed.kept);
        memset(feed.bytes, '#', sizeof feed.bytes);
        cz_parser_move(&feed.message, moved);
        memcpy(moved + feed.kept, post + first, size - first);
        size_t used;
        feed.result = cz_parser_feed(&feed.message, moved + feed.kept, size - first, &used);
        expect_post(&feed);
    }
}

/* A header section as large as it may be leaves the trailers their room, which is bounded too. */
static void trailers_have_room_of_their_own(void **state)
{
    static const char last[] = "Transfer-Encoding: chunked\r\n\r\n0\r\n";
    static feed_t feed;
    (void)state;
    for (unsigned trailers = 1; trailers <= CZ_MAX_TRAILERS + 1; trailers += CZ_MAX_TRAILERS) {
        for (unsigned fields = 2; fields <= FIELDS; fields += FIELDS - 2) {
            begin(&feed);
            give(&feed, "POST / HTTP/1.1\r\nHost: a\r\n", 26);
            for (unsigned i = 2; i < fields; i++)
                give(&feed, "A: b\r\n", 6);
            give(&feed, last, sizeof last - 1);
            for (unsigned i = 0; i < trailers && feed.result != CZ_PARSE_REFUSED; i++)
                give(&feed, "T: u\r\n", 6);
            if (trailers > CZ_MAX_TRAILERS) {
                assert_int_equal(feed.result, CZ_PARSE_REFUSED);
                assert_int_equal(feed.message.status, 431);
                continue;
            }
            give(&feed, "\r\n", 2);
            assert_int_equal(feed.result, CZ_PARSE_DONE);
            assert_int_equal(cz_head_trailer_count(&feed.message.head), trailers);
        }
    }
}

/* And what a short one leaves is theirs too. */
static void trailers_have_what_the_head_leaves(void **state)
{
    enum { MANY = 100 };
    static const struct {
        unsigned fields;
        unsigned trailers; /* at most */
    } row[] = {{2, MANY - 2}, {MANY - 40, 40}, {MANY - 10, CZ_MAX_TRAILERS}};
    static cz_field_t fields[MANY + CZ_MAX_TRAILERS];
    static feed_t feed;
    cz_limits_t wide = limits;
    (void)state;
    wide.max_headers = MANY;
    cz_parser_prepare(&wide);
    for (size_t i = 0; i < 2 * sizeof row / sizeof *row; i++) {
        unsigned trailers = row[i / 2].trailers + i % 2;
        begin(&feed);
        cz_parser_start(&feed.message, feed.bytes, fields, &wide);
        give(&feed, "POST / HTTP/1.1\r\nHost: a\r\n", 26);
        for (unsigned n = 2; n < row[i / 2].fields; n++)
            give(&feed, "A: b\r\n", 6);
        give(&feed, "Transfer-Encoding: chunked\r\n\r\n0\r\n", 33);
        for (unsigned n = 0; n < trailers && feed.result != CZ_PARSE_REFUSED; n++)
            give(&feed, "T: u\r\n", 6);
        if (feed.result != CZ_PARSE_REFUSED)
            give(&feed, "\r\n", 2);
        if (feed.result != (i % 2 == 0 ? CZ_PARSE_DONE : CZ_PARSE_REFUSED))
            fail_msg("%u trailers behind %u fields: %d", trailers, row[i / 2].fields, feed.result);
        if (i % 2 == 0)
            assert_int_equal(cz_head_trailer_count(&feed.message.head), trailers);
    }
}

static void what_follows_a_request_is_left_alone(void **state)
{
    static const char two[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n";
    static feed_t feed;
    (void)state;
    begin(&feed);
    give(&feed, two, sizeof two - 1);
    assert_int_equal(feed.result, CZ_PARSE_DONE);
    assert_int_equal(feed.used, sizeof "GET / HTTP/1.1\r\nHost: a\r\n\r\n" - 1);
}

static void refusals_are_the_same_wherever_they_are_split(void **state)
{
    static const struct {
        const char *text;
        int status;
    } row[] = {
        {"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"GETX / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
         "3\r\nabc\r\n0\r\nX: y\r\n\r\n",
         413},
    };
    static feed_t feed;
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const size_t size = strlen(row[i].text);
        for (size_t first = 0; first < size; first++) {
            begin(&feed);
            give(&feed, row[i].text, first);
            if (feed.result != CZ_PARSE_REFUSED)
                give(&feed, row[i].text + first, size - first);
            if (feed.result != CZ_PARSE_REFUSED || feed.message.status != row[i].status)
                fail_msg("row %zu split at %zu: status %d", i, first, feed.message.status);
        }
    }
}

static void framing_takes_no_room_in_the_body(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    static feed_t feed;
    (void)state;
    begin(&feed);
    give(&feed, head, sizeof head - 1);
    for (int i = 0; i < 500; i++) {
        give(&feed, "1\r\nx\r\n", 6);
        assert_int_equal(feed.result, CZ_PARSE_MORE);
        assert_int_equal(feed.kept, sizeof head - 1 + (size_t)i + 1);
    }
}

int main(void)
{
    cz_parser_prepare(&limits);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_split_anywhere_is_the_same),
        cmocka_unit_test(a_request_in_three_pieces_is_the_same),
        cmocka_unit_test(a_request_byte_by_byte_is_the_same),
        cmocka_unit_test(a_request_survives_a_move_of_its_bytes),
        cmocka_unit_test(trailers_have_room_of_their_own),
        cmocka_unit_test(trailers_have_what_the_head_leaves),
        cmocka_unit_test(a_head_apart_survives_what_its_buffer_is_used_for),
        cmocka_unit_test(what_follows_a_request_is_left_alone),
        cmocka_unit_test(refusals_are_the_same_wherever_they_are_split),
        cmocka_unit_test(framing_takes_no_room_in_the_body),
    };
    return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
