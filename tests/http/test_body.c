/* Bodies that are read as they come. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD200 "HTTP/1.1 200 OK\r\nDate: D\r\n"

static host_t host;
static atomic_int aborted;

typedef struct upload {
    size_t size;
    int pieces;
} upload_t;

static void upload_resume(void *data)
{
    catzilla_request_resume(data);
}

static int on_upload(catzilla_request_t *request, catzilla_response_t *response,
                     catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    upload_t *upload = user_data;
    char text[64];
    if (event == CATZILLA_BODY_ABORTED) {
        assert_null(response);
        atomic_fetch_add(&aborted, 1);
        free(upload);
        return 0;
    }
    if (event == CATZILLA_BODY_DATA) {
        upload->size += data.size;
        if (memchr(data.data, '!', data.size) != NULL) {
            free(upload);
            return CATZILLA_ERR_SYNTAX;
        }
        if (upload->pieces++ == 0) {
            catzilla_request_pause(request);
            assert_int_equal(catzilla_loop_post(catzilla_loop_of(request), upload_resume, request),
                             0);
        }
        return 0;
    }
    catzilla_slice_t trailer = catzilla_request_trailer(request, "x-sum");
    int size = snprintf(text, sizeof text, "%zu %.*s", upload->size, (int)trailer.size,
                        trailer.size == 0 ? "" : trailer.data);
    catzilla_slice_t body = {text, (size_t)size};
    free(upload);
    return catzilla_response_body(response, body);
}

static int upload(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    if (catzilla_request_query(request).size > 0) {
        catzilla_response_status(response, 403);
        return 0;
    }
    upload_t *record = calloc(1, sizeof *record);
    catzilla_request_limit_body(request, 1000000);
    return catzilla_request_read_body(request, on_upload, record);
}

/* Reads nothing, and goes on when it is told that nothing more comes. */
static int on_stalled(catzilla_request_t *request, catzilla_response_t *response,
                      catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    (void)response;
    (void)data;
    (void)user_data;
    if (event != CATZILLA_BODY_ABORTED)
        return CATZILLA_ERR_INVALID;
    catzilla_request_resume(request);
    atomic_fetch_add(&aborted, 1);
    return 0;
}

static int stall(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    (void)user_data;
    catzilla_request_pause(request);
    return catzilla_request_read_body(request, on_stalled, NULL);
}

static int on_ignored(catzilla_request_t *request, catzilla_response_t *response,
                      catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    (void)request;
    (void)data;
    (void)user_data;
    return event == CATZILLA_BODY_END ? catzilla_response_body(response, CATZILLA_SLICE("end")) : 0;
}

/* May not be put off by its handler while its body is still to come. */
static int hasty(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)user_data;
    int rc = catzilla_request_read_body(request, on_ignored, NULL);
    assert_int_equal(catzilla_response_defer(response), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_response_stream(response, &stream), CATZILLA_ERR_STATE);
    return rc;
}

/* Once the reply is another's its body may not be read any more. */
static int hands_over(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    bool streams = catzilla_request_query(request).size > 0;
    (void)user_data;
    int rc =
        streams ? catzilla_response_stream(response, &stream) : catzilla_response_defer(response);
    assert_int_equal(rc, 0);
    assert_int_equal(catzilla_request_read_body(request, on_ignored, NULL), CATZILLA_ERR_STATE);
    if (streams)
        catzilla_response_end(response);
    else
        catzilla_response_complete(response, 0);
    return 0;
}

static int begin(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_body_bytes = 1000;
    host_create(&host, &options);
    catzilla_server_route_streaming(host.server, "POST", "/upload", upload, NULL);
    catzilla_server_route_streaming(host.server, "POST", "/hasty", hasty, NULL);
    catzilla_server_route_streaming(host.server, "POST", "/hands-over", hands_over, NULL);
    host_start(&host);
    atomic_store(&aborted, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return host_end(&host);
}

static void a_body_is_read_as_it_comes(void **state)
{
    const size_t size = 900000;
    char *request = malloc(size + 200);
    size_t reply_size;
    (void)state;
    assert_non_null(request);
    int head =
        sprintf(request, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
    memset(request + head, 'u', size);
    char *reply = client_exchange(host.port, request, (size_t)head + size, 0, &reply_size);
    dates_mask(reply, &reply_size);
    assert_string_equal(reply, HEAD200 "Content-Length: 7\r\n\r\n900000 ");
    free(reply);
    free(request);
    host_expect(
        &host,
        "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 9\r\n\r\nGET /users/z HTTP/1.1\r\nHost: a\r\n\r\n",
        HEAD200 "Content-Length: 3\r\n\r\n7 9" HEAD200 "Content-Length: 1\r\n\r\nz");
    host_expect(&host, "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                HEAD200 "Content-Length: 2\r\n\r\n0 ");
}

static void a_body_past_its_own_limit_is_refused(void **state)
{
    static const char post[] =
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\nabc";
    size_t size;
    (void)state;
    char *reply = client_exchange(host.port, post, sizeof post - 1, 0, &size);
    assert_memory_equal(reply, "HTTP/1.1 413", 12);
    free(reply);
    assert_int_equal(atomic_load(&aborted), 1);
}

static void a_reader_may_refuse_halfway(void **state)
{
    static const char post[] =
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc!";
    size_t size;
    (void)state;
    char *reply = client_exchange(host.port, post, sizeof post - 1, 0, &size);
    assert_memory_equal(reply, "HTTP/1.1 500", 12);
    free(reply);
}

static void a_handler_may_refuse_the_body(void **state)
{
    (void)state;
    host_expect(
        &host, "POST /upload?no HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc",
        "HTTP/1.1 403 Forbidden\r\nDate: D\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void a_body_cut_off_is_told_to_its_reader(void **state)
{
    static const char post[] =
        "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc";
    size_t size;
    (void)state;
    char *reply = client_exchange(host.port, post, sizeof post - 1, 0, &size);
    assert_int_equal(size, 0);
    free(reply);
    for (int i = 0; i < 5000 && atomic_load(&aborted) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&aborted), 1);
}

static void a_reader_told_of_the_end_is_not_called_again(void **state)
{
    static const char post[] = "POST /stall HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t hurried;
    size_t size;
    (void)state;
    options.total_timeout_ms = 100;
    host_create(&hurried, &options);
    catzilla_server_route_streaming(hurried.server, "POST", "/stall", stall, NULL);
    host_start(&hurried);
    char *reply = client_exchange(hurried.port, post, sizeof post - 1, 0, &size);
    assert_true(size > 12);
    assert_memory_equal(reply, "HTTP/1.1 408", 12);
    assert_null(strstr(reply + 12, "HTTP/1.1"));
    free(reply);
    host_stop(&hurried);
    assert_int_equal(atomic_load(&aborted), 1);
}

static void a_reply_waits_for_its_body_however_short(void **state)
{
    (void)state;
    host_expect(&host, "POST /hasty HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
                HEAD200 "Content-Length: 3\r\n\r\nend");
    host_expect(&host, "POST /hasty HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                HEAD200 "Content-Length: 3\r\n\r\nend");
}

static void a_body_is_not_read_for_a_reply_that_is_handed_over(void **state)
{
    (void)state;
    host_expect(&host,
                "POST /hands-over HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                "POST /hands-over?b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                HEAD200 "Content-Length: 0\r\n\r\n" HEAD200
                        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(a_body_is_read_as_it_comes),
        CASE(a_body_past_its_own_limit_is_refused),
        CASE(a_reader_may_refuse_halfway),
        CASE(a_handler_may_refuse_the_body),
        CASE(a_body_cut_off_is_told_to_its_reader),
        CASE(a_reader_told_of_the_end_is_not_called_again),
        CASE(a_body_is_not_read_for_a_reply_that_is_handed_over),
        CASE(a_reply_waits_for_its_body_however_short),
    };
    return cmocka_run_group_tests_name("body", tests, NULL, NULL);
}
