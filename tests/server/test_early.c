/* Middleware that looks at a request before its body comes, and may spare its peer the sending. */
#include "stepped.h"

#include <catzilla/group.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define INTERIM      "HTTP/1.1 100 Continue\r\n\r\n"
#define POST(path)   "POST " path " HTTP/1.1\r\nHost: a\r\nX-Who: somebody\r\n"
#define WAITS        "Expect: 100-continue\r\n"
#define FORM         "Content-Type: application/x-www-form-urlencoded\r\n"
#define LENGTH(size) "Content-Length: " #size "\r\n\r\n"
#define CHUNKED      "Transfer-Encoding: chunked\r\n\r\n"

static const char noise[4096];
static char trace[256];
static catzilla_response_t *held;
static catzilla_request_t *held_request;

/* Who the early one has seen; the handler must find it unchanged. */
static catzilla_slice_t who;

static void note(const char *text, catzilla_request_t *request)
{
    size_t used = strlen(trace);
    snprintf(trace + used, sizeof trace - used, "%s%zu ", text,
             catzilla_request_body(request).size);
}

static int early(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    note("+early", request);
    who = catzilla_request_header(request, "x-who");
    catzilla_request_form_value(request, "a");
    if (catzilla_request_body(request).size == 0)
        assert_int_equal(catzilla_response_defer(response), CATZILLA_ERR_STATE);
    return catzilla_response_header(response, CATZILLA_SLICE("X-Early"), CATZILLA_SLICE("yes"));
}

static int refuse(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    note("+refuse", request);
    if (user_data != NULL)
        return CATZILLA_ERR_SYSTEM;
    catzilla_response_status(response, 401);
    return CATZILLA_DONE;
}

static int late(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    (void)user_data;
    note("+late", request);
    return 0;
}

static void after(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    size_t used = strlen(trace);
    (void)request;
    snprintf(trace + used, sizeof trace - used, "-%s%d ", (const char *)user_data,
             catzilla_response_get_status(response));
}

static int echo(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[64];
    (void)user_data;
    note("!", request);
    assert_true(catzilla_slice_equal(who, CATZILLA_SLICE("somebody")));
    catzilla_slice_t a = catzilla_request_form_value(request, "a");
    catzilla_slice_t trailer = catzilla_request_trailer(request, "t");
    snprintf(text, sizeof text, "%.*s,%.*s", (int)a.size, a.size == 0 ? "" : a.data,
             (int)trailer.size, trailer.size == 0 ? "" : trailer.data);
    catzilla_response_header(response, CATZILLA_SLICE("X-Found"), catzilla_slice_of(text));
    return catzilla_response_body(response, catzilla_request_body(request));
}

static int later(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    note("!", request);
    catzilla_request_form_value(request, "a");
    held = response;
    held_request = request;
    return catzilla_response_defer(response);
}

/* Takes half of what the request may hold; the handler gets what the body has left of it. */
static int take_half(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    (void)user_data;
    return catzilla_request_scratch(request, 100000) == NULL ? CATZILLA_ERR_NOMEM : 0;
}

static int take_more(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    size_t body = catzilla_request_body(request).size;
    (void)user_data;
    if (catzilla_request_scratch(request, 110000 - body) != NULL)
        return catzilla_response_status(response, 500);
    return catzilla_request_scratch(request, 70000 - body) == NULL ? CATZILLA_ERR_NOMEM : 0;
}

static int do_nothing(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)response;
    (void)user_data;
    return 0;
}

static catzilla_group_t *group_with(catzilla_server_t *server, const char *prefix)
{
    catzilla_group_t *group;
    assert_int_equal(catzilla_group_create(catzilla_server_root(server), prefix, &group), 0);
    assert_int_equal(catzilla_group_route(group, "POST", "/echo", echo, NULL), 0);
    return group;
}

static void serve(const catzilla_server_options_t *options, void (*script)(uint16_t, void *))
{
    catzilla_server_t *server;
    size_t live;
    assert_int_equal(catzilla_server_create(options, &server), 0);
    catzilla_group_t *passes = group_with(server, "/passes");
    assert_int_equal(catzilla_group_route(passes, "POST", "/later", later, NULL), 0);
    assert_int_equal(catzilla_group_use_early(passes, early, after, "early"), 0);
    assert_int_equal(catzilla_group_use(passes, late, after, "late"), 0);
    catzilla_group_t *takes = group_with(server, "/takes");
    assert_int_equal(catzilla_group_route(takes, "POST", "/more", take_more, NULL), 0);
    assert_int_equal(catzilla_group_use_early(takes, take_half, NULL, NULL), 0);
    assert_int_equal(catzilla_server_route_streaming(server, "POST", "/nothing", do_nothing, NULL),
                     0);
    catzilla_group_t *refuses = group_with(server, "/refuses");
    assert_int_equal(catzilla_group_use_early(refuses, early, after, "early"), 0);
    assert_int_equal(catzilla_group_use_early(refuses, refuse, NULL, NULL), 0);
    assert_int_equal(catzilla_group_use_early(refuses, early, after, "inner"), 0);
    catzilla_group_t *fails = group_with(server, "/fails");
    assert_int_equal(catzilla_group_use_early(fails, refuse, NULL, "fails"), 0);
    catzilla_group_t *behind = group_with(server, "/behind");
    assert_int_equal(catzilla_group_use(behind, late, after, "late"), 0);
    assert_int_equal(catzilla_group_use_early(behind, refuse, NULL, NULL), 0);
    assert_int_equal(stepped_run(server, script, NULL), 0);
    catzilla_server_destroy(server);
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_REQUEST, &live, NULL);
    assert_int_equal(live, 0);
    catzilla_memory_get_arena_stats(CATZILLA_MEMORY_RESPONSE, &live, NULL);
    assert_int_equal(live, 0);
}

static bool complete_held(void)
{
    if (held == NULL)
        return false;
    catzilla_response_complete(held, echo(held_request, held, NULL));
    held = NULL;
    return true;
}

/* Sends a head and, when `interim` has come, the body in pieces; the whole reply after that. */
static const char *ask(uint16_t port, const char *head, const char *interim, const char *body,
                       size_t piece)
{
    static char reply[8192];
    trace[0] = '\0';
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, head, strlen(head)));
    size_t got = stepped_receive(fd, reply, sizeof reply, strlen(interim));
    for (int i = 0; i < 8; i++)
        stepped_turn();
    assert_int_equal(got, strlen(interim));
    assert_memory_equal(reply, interim, got);
    /* The buffer that the head came in is that of all connections. */
    int other = stepped_connect(port);
    assert_true(stepped_send(other, noise, sizeof noise));
    for (int i = 0; i < 4; i++)
        stepped_turn();
    close(other);
    size_t size = strlen(body);
    for (size_t at = 0; at < size; at += piece) {
        assert_true(stepped_send(fd, body + at, size - at < piece ? size - at : piece));
        for (int i = 0; i < 2; i++)
            stepped_turn();
    }
    if (size > 0)
        shutdown(fd, SHUT_WR);
    stepped_when_idle = complete_held;
    reply[stepped_drain(fd, reply, sizeof reply - 1)] = '\0';
    stepped_when_idle = NULL;
    close(fd);
    return reply;
}

static void expect(const char *reply, const char *status, const char *field, const char *wanted)
{
    if (strncmp(reply, "HTTP/1.1 ", 9) != 0 || strncmp(reply + 9, status, 3) != 0)
        fail_msg("not %s: %s", status, reply);
    if (strstr(reply, field) == NULL)
        fail_msg("without %s: %s", field, reply);
    assert_string_equal(trace, wanted);
}

static void refused(uint16_t port, void *data)
{
    (void)data;
    expect(ask(port, POST("/refuses/echo") WAITS LENGTH(3), "", "", 1), "401",
           "Connection: close\r\n", "+early0 +refuse0 -early401 ");
    expect(ask(port, POST("/refuses/echo") WAITS CHUNKED, "", "", 1), "401",
           "Connection: close\r\n", "+early0 +refuse0 -early401 ");
    expect(ask(port, POST("/fails/echo") WAITS LENGTH(3), "", "", 1), "500",
           "Connection: close\r\n", "+refuse0 ");
    /* Who does not wait is refused as ever, and keeps the connection. */
    const char *reply = ask(port, POST("/refuses/echo") LENGTH(3), "", "abc", 3);
    expect(reply, "401", "X-Early: yes\r\n", "+early3 +refuse3 -early401 ");
    assert_null(strstr(reply, "Connection: close"));
    reply = ask(port, "", "", POST("/refuses/echo") WAITS LENGTH(3) "abc", 1000);
    expect(reply, "401", "X-Early: yes\r\n", "+early3 +refuse3 -early401 ");
}

static void a_body_that_is_refused_is_never_sent(void **state)
{
    (void)state;
    serve(NULL, refused);
}

static void passed(uint16_t port, void *data)
{
    (void)data;
    for (size_t piece = 1; piece < 30; piece += 4) {
        const char *reply =
            ask(port, POST("/passes/echo") WAITS FORM LENGTH(7), INTERIM, "a=b&c=d", piece);
        expect(reply, "200", "X-Early: yes\r\nX-Found: b,\r\n\r\na=b&c=d",
               "+early0 +late7 !7 -late200 -early200 ");
        reply = ask(port, POST("/passes/echo") WAITS FORM CHUNKED, INTERIM,
                    "3\r\na=b\r\n4\r\n&c=d\r\n0\r\nT: x\r\n\r\n", piece);
        expect(reply, "200", "X-Early: yes\r\nX-Found: b,x\r\n\r\na=b&c=d",
               "+early0 +late7 !7 -late200 -early200 ");
    }
    const char *reply = ask(port, POST("/passes/echo") FORM LENGTH(7), "", "a=b&c=d", 3);
    expect(reply, "200", "X-Found: b,\r\n\r\na=b&c=d", "+early7 +late7 !7 -late200 -early200 ");
    reply = ask(port, POST("/passes/later") WAITS FORM LENGTH(7), INTERIM, "a=b&c=d", 2);
    expect(reply, "200", "X-Found: b,\r\n\r\na=b&c=d", "+early0 +late7 !7 !7 -late200 -early200 ");
    /* What follows is a request like any other. */
    reply = ask(port, POST("/passes/echo") WAITS LENGTH(3), INTERIM,
                "abc" POST("/passes/echo") LENGTH(1) "d", 1000);
    expect(reply, "200", "\r\n\r\nabcHTTP/1.1 200",
           "+early0 +late3 !3 -late200 -early200 +early1 +late1 !1 -late200 -early200 ");
}

static void each_runs_once_and_what_needs_the_body_has_it(void **state)
{
    (void)state;
    serve(NULL, passed);
}

static void behind(uint16_t port, void *data)
{
    (void)data;
    expect(ask(port, POST("/behind/echo") WAITS LENGTH(3), INTERIM, "abc", 3), "401", "\r\n",
           "+late3 +refuse3 -late401 ");
}

static void one_behind_what_needs_the_body_waits_for_it(void **state)
{
    (void)state;
    serve(NULL, behind);
}

static void cut_off(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    const char *reply = ask(port, POST("/passes/echo") WAITS LENGTH(30), "", "", 1);
    (void)data;
    expect(reply, "413", "Connection: close\r\n", "+early0 -early413 ");
    reply = ask(port, POST("/passes/echo") WAITS CHUNKED, INTERIM, "f\r\n", 3);
    assert_string_equal(trace, "+early0 ");
    reply = ask(port, POST("/passes/echo") WAITS CHUNKED, INTERIM,
                "a\r\n0123456789\r\na\r\n0123456789\r\na\r\n0123456789\r\n", 10);
    expect(reply, "413", "Connection: close\r\n", "+early0 -early413 ");
    stepped_until_open(open);
}

static void one_that_comes_to_nothing_leaves_nothing(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_body_bytes = 20;
    serve(&options, cut_off);
}

static void hold(uint16_t port, void *data)
{
    static char body[150000];
    (void)data;
    expect(ask(port, POST("/takes/more") WAITS LENGTH(150000), "", "", 1), "413", "\r\n", "");
    memset(body, 'b', 60000);
    expect(ask(port, POST("/takes/more") WAITS LENGTH(60000), INTERIM, body, 30000), "200", "\r\n",
           "");
}

static void body_and_memory_share_a_limit(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_request_memory = 200000;
    serve(&options, hold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_that_is_refused_is_never_sent),
        cmocka_unit_test(each_runs_once_and_what_needs_the_body_has_it),
        cmocka_unit_test(one_behind_what_needs_the_body_waits_for_it),
        cmocka_unit_test(one_that_comes_to_nothing_leaves_nothing),
        cmocka_unit_test(body_and_memory_share_a_limit),
    };
    return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
