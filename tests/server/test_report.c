/* What the access log is told of replies that take their time, and of those that nobody takes. */
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE (8u << 20)
#define HOST  "Host: a\r\nX-Who: me\r\n\r\n"

static char large[LARGE];
static char noise[4096] = "GET /"; /* the beginning of a long target */

/* Records in the order of their coming. */
typedef struct record {
    char target[16];
    char who[8];
    int status;
    uint64_t body_bytes;
} record_t;

static record_t records[8];
static size_t record_count;
static catzilla_response_t *put_off;

static void take(const catzilla_access_t *access, void *user_data)
{
    catzilla_slice_t who = catzilla_request_header(access->request, "x-who");
    (void)user_data;
    assert_true(record_count < sizeof records / sizeof *records);
    record_t *record = &records[record_count++];
    assert_true(access->duration_ns > 0 && access->memory_peak > 0 && access->peer.size > 0);
    snprintf(record->target, sizeof record->target, "%.*s", (int)access->target.size,
             access->target.data);
    snprintf(record->who, sizeof record->who, "%.*s", (int)who.size, who.data);
    record->status = access->status;
    record->body_bytes = access->body_bytes;
}

static int regions_ended;

static void region_ended(void *data)
{
    (void)data;
    regions_ended++;
}

static int borrowed(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_slice_t body = {large, LARGE};
    (void)user_data;
    if (catzilla_region_add_cleanup(catzilla_request_region(request), region_ended, NULL) != 0)
        return CATZILLA_ERR_NOMEM;
    return catzilla_response_body_borrow(response, body, NULL, NULL);
}

static int pieces(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    const catzilla_slice_t all[] = {
        {large, LARGE / 2}, {large, LARGE / 2 - 10}, {large, 10}, {large, 0}};
    (void)request, (void)user_data;
    return catzilla_response_body_vector(response, all, 4, NULL, NULL);
}

static int file(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char path[] = "/tmp/catzilla-report-XXXXXX";
    int fd = mkstemp(path);
    (void)request, (void)user_data;
    if (fd < 0 || unlink(path) != 0 || ftruncate(fd, LARGE) != 0)
        return CATZILLA_ERR_SYSTEM;
    return catzilla_response_file(response, fd, 0, LARGE);
}

static int small(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request, (void)user_data;
    return catzilla_response_body(response, CATZILLA_SLICE("small"));
}

static int later(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request, (void)user_data;
    put_off = response;
    return catzilla_response_defer(response);
}

static catzilla_response_t *streamed;

static void stream_closed(int result, void *user_data)
{
    (void)result, (void)user_data;
    streamed = NULL;
}

static int stream(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request, (void)user_data;
    stream.on_close = stream_closed;
    streamed = response;
    return catzilla_response_stream(response, &stream);
}

static void serve(void (*script)(uint16_t port, void *data), void *data)
{
    static const struct {
        const char *path;
        catzilla_handler_t handler;
    } route[] = {{"/borrowed", borrowed}, {"/pieces", pieces}, {"/file", file},
                 {"/small", small},       {"/later", later},   {"/stream", stream}};
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    catzilla_server_t *server;
    size_t request_bytes;
    options.access = take;
    record_count = 0;
    regions_ended = 0;
    assert_int_equal(catzilla_server_create(&options, &server), 0);
    for (size_t i = 0; i < sizeof route / sizeof *route; i++)
        assert_int_equal(
            catzilla_server_route(server, "GET", route[i].path, route[i].handler, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
    assert_int_equal(catzilla_memory_get_arena_stats(CATZILLA_MEMORY_REQUEST, &request_bytes, NULL),
                     0);
    assert_int_equal(request_bytes, 0);
}

static int ask(uint16_t port, const char *requests)
{
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, requests, strlen(requests)));
    return fd;
}

static void expect_record(size_t index, const char *target, uint64_t least, uint64_t most)
{
    const record_t *record = &records[index];
    assert_string_equal(record->target, target);
    assert_string_equal(record->who, "me");
    assert_int_equal(record->status, 200);
    assert_in_range(record->body_bytes, least, most);
}

static const char *const kinds[] = {"/borrowed", "/pieces", "/file"};

static void take_all(uint16_t port, void *data)
{
    char *reply = malloc(LARGE + 4096);
    assert_non_null(reply);
    memset(noise + 5, 'x', sizeof noise - 5);
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST, kinds[i]);
        int fd = ask(port, text);
        stepped_receive(fd, reply, 2000, 1000);
        assert_int_equal(record_count, i);
        /* What its handler took has ended, and the buffer that it was read into is another's. */
        assert_int_equal(regions_ended, 1);
        int other = stepped_connect(port);
        assert_true(stepped_send(other, noise, sizeof noise));
        for (int turns = 0; turns < 4; turns++)
            stepped_turn();
        close(other);
        shutdown(fd, SHUT_WR);
        stepped_drain(fd, reply, LARGE + 4096);
        assert_int_equal(record_count, i + 1);
        expect_record(i, kinds[i], LARGE, LARGE);
        close(fd);
    }
    free(reply);
    (void)data;
}

static void a_large_reply_is_told_when_its_last_byte_has_gone(void **state)
{
    (void)state;
    serve(take_all, NULL);
}

static void leave_early(uint16_t port, void *data)
{
    char reply[2000];
    size_t open = stepped_descriptors();
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST, kinds[i]);
        int fd = ask(port, text);
        stepped_receive(fd, reply, sizeof reply, sizeof reply);
        close(fd);
        stepped_until_open(open);
        assert_int_equal(record_count, i + 1);
        expect_record(i, kinds[i], 1000, LARGE - 1);
    }
    (void)data;
}

static void a_reply_that_is_cut_off_is_told_with_what_was_sent(void **state)
{
    (void)state;
    serve(leave_early, NULL);
}

static void pipeline(uint16_t port, void *data)
{
    char *reply = malloc(LARGE + 4096);
    assert_non_null(reply);
    int fd = ask(port, "GET /small HTTP/1.1\r\n" HOST "GET /file HTTP/1.1\r\n" HOST
                       "GET /small HTTP/1.1\r\nConnection: close\r\n" HOST);
    size_t got = stepped_drain(fd, reply, LARGE + 4096);
    assert_true(got > LARGE);
    assert_int_equal(record_count, 3);
    expect_record(0, "/small", 5, 5);
    for (size_t i = 1; i < 3; i++) {
        bool is_file = strcmp(records[i].target, "/file") == 0;
        expect_record(i, is_file ? "/file" : "/small", is_file ? LARGE : 5, is_file ? LARGE : 5);
    }
    close(fd);
    free(reply);
    (void)data;
}

static void each_of_pipelined_replies_is_told_once(void **state)
{
    (void)state;
    serve(pipeline, NULL);
}

/* Writes what the system takes and some more, of which the peer reads little. */
static void leave_a_stream(uint16_t port, void *data)
{
    const catzilla_slice_t piece = {large, 65536};
    char reply[2000];
    uint64_t written = 0;
    size_t open = stepped_descriptors();
    (void)data;
    streamed = NULL;
    int fd = ask(port, "GET /stream HTTP/1.1\r\n" HOST);
    while (streamed == NULL)
        stepped_turn();
    for (int full = 0; full < 20;) {
        int rc = catzilla_response_write(streamed, piece);
        assert_true(rc >= 0 || rc == CATZILLA_ERR_LIMIT);
        written += rc >= 0 ? piece.size : 0;
        full = rc == 0 ? 0 : full + 1;
        stepped_turn();
    }
    stepped_receive(fd, reply, sizeof reply, sizeof reply);
    close(fd);
    stepped_until_open(open);
    assert_null(streamed);
    assert_int_equal(record_count, 1);
    expect_record(0, "/stream", 1000, written - 4 * piece.size);
}

static void a_stream_that_is_cut_off_is_told_with_what_was_sent(void **state)
{
    (void)state;
    serve(leave_a_stream, NULL);
}

static void leave_before_it_is_made(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    put_off = NULL;
    int fd = ask(port, "GET /later HTTP/1.1\r\n" HOST);
    while (put_off == NULL)
        stepped_turn();
    close(fd); /* a reset, see stepped_connect() */
    stepped_until_open(open);
    assert_int_equal(record_count, 0);
    assert_int_equal(catzilla_response_body(put_off, CATZILLA_SLICE("nobody's")), 0);
    catzilla_response_complete(put_off, 0);
    for (int i = 0; i < 10 && record_count == 0; i++)
        stepped_turn();
    assert_int_equal(record_count, 1);
    expect_record(0, "/later", 0, 0);
    (void)data;
}

static void a_reply_that_was_put_off_and_nobody_took_is_told(void **state)
{
    (void)state;
    serve(leave_before_it_is_made, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_reply_is_told_when_its_last_byte_has_gone),
        cmocka_unit_test(a_reply_that_is_cut_off_is_told_with_what_was_sent),
        cmocka_unit_test(a_stream_that_is_cut_off_is_told_with_what_was_sent),
        cmocka_unit_test(each_of_pipelined_replies_is_told_once),
        cmocka_unit_test(a_reply_that_was_put_off_and_nobody_took_is_told),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
