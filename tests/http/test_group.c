/* Groups and middleware: prefixes, order, short cuts, failures, and what they cost. */
#include "host.h"

#include <catzilla/group.h>
#include <catzilla/router.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static host_t host;
static char trace[256];

static void note(const char *text)
{
    strncat(trace, text, sizeof trace - strlen(trace) - 1);
}

static int before(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[32];
    (void)response;
    (void)request;
    snprintf(text, sizeof text, "+%s", (const char *)user_data);
    note(text);
    return 0;
}

static void after(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    char text[32];
    (void)request;
    snprintf(text, sizeof text, "-%s%d", (const char *)user_data,
             catzilla_response_get_status(response));
    note(text);
    catzilla_response_header(response, CATZILLA_SLICE("X-After"), catzilla_slice_of(user_data));
}

static int guard(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    note("+guard");
    if (catzilla_request_header(request, "authorization").data != NULL)
        return 0;
    catzilla_response_status(response, 401);
    return CATZILLA_DONE;
}

static int broken(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)response;
    (void)user_data;
    note("+broken");
    return CATZILLA_ERR_SYSTEM;
}

static int handler(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    note("!");
    return catzilla_response_body(response, catzilla_request_param(request, "id"));
}

static int streamed(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    note("!");
    int rc = catzilla_response_stream(response, &stream);
    return rc != 0 ? rc : catzilla_response_end(response);
}

/* In the loop, some time after the handler or middleware has returned. */
static void complete(void *response)
{
    note("*");
    catzilla_response_body(response, CATZILLA_SLICE("late"));
    catzilla_response_complete(response, 0);
}

static void fail_late(void *response)
{
    note("*");
    catzilla_response_complete(response, CATZILLA_ERR_SYSTEM);
}

/* A handler, or a middleware that answers in its place. */
static int put_off(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_loop_t *loop = catzilla_loop_of(request);
    note("~");
    int rc = catzilla_response_defer(response);
    return rc != 0 ? rc
                   : catzilla_loop_post(loop, user_data != NULL ? fail_late : complete, response);
}

static int read_on(catzilla_request_t *request, catzilla_response_t *response,
                   catzilla_body_event_t event, catzilla_slice_t data, void *user_data)
{
    (void)request;
    (void)data;
    (void)user_data;
    if (event == CATZILLA_BODY_END)
        note("$");
    return event == CATZILLA_BODY_END ? catzilla_response_body(response, CATZILLA_SLICE("read"))
                                      : 0;
}

static int upload(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)response;
    note("!");
    return catzilla_request_read_body(request, read_on, user_data);
}

/* Wants to answer when the reply is made already. */
static void meddle(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    assert_int_equal(catzilla_response_defer(response), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_response_stream(response, &stream), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_response_write(response, CATZILLA_SLICE("x")), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_response_early_hint(response, CATZILLA_SLICE("</a>")),
                     CATZILLA_ERR_STATE);
}

static int begin(void **state)
{
    catzilla_group_t *api, *users, *locked, *faulty, *meddled, *taken;
    (void)state;
    host_create(&host, NULL);
    catzilla_group_t *root = catzilla_server_root(host.server);
    assert_int_equal(catzilla_group_create(root, "/api", &api), 0);
    assert_int_equal(catzilla_group_create(api, "/users/{id:int}", &users), 0);
    assert_int_equal(catzilla_group_create(api, "", &locked), 0);
    assert_int_equal(catzilla_group_create(api, "", &faulty), 0);
    assert_int_equal(catzilla_group_route(users, "GET", "", handler, NULL), 0);
    assert_int_equal(catzilla_group_route(users, "GET", "/posts", handler, NULL), 0);
    assert_int_equal(catzilla_group_route(users, "GET", "/stream", streamed, NULL), 0);
    assert_int_equal(catzilla_group_route(locked, "GET", "/locked", handler, NULL), 0);
    assert_int_equal(catzilla_group_route(faulty, "GET", "/faulty", handler, NULL), 0);
    /* Middleware added behind the routes, and to an outer group last, counts all the same. */
    assert_int_equal(catzilla_group_use(users, before, after, "users"), 0);
    assert_int_equal(catzilla_group_use(locked, before, after, "lock"), 0);
    assert_int_equal(catzilla_group_use(locked, guard, NULL, NULL), 0);
    assert_int_equal(catzilla_group_use(locked, before, after, "inner"), 0);
    assert_int_equal(catzilla_group_use(faulty, broken, NULL, NULL), 0);
    assert_int_equal(catzilla_group_create(api, "/meddle", &meddled), 0);
    assert_int_equal(catzilla_group_route(meddled, "GET", "/plain", handler, NULL), 0);
    assert_int_equal(catzilla_group_route(meddled, "GET", "/stream", streamed, NULL), 0);
    assert_int_equal(catzilla_group_use(meddled, NULL, meddle, NULL), 0);
    assert_int_equal(catzilla_group_route(users, "GET", "/late", put_off, NULL), 0);
    assert_int_equal(catzilla_group_route(users, "GET", "/failing", put_off, "fails"), 0);
    assert_int_equal(catzilla_group_route_streaming(locked, "POST", "/upload", upload, NULL), 0);
    /* What answers in the place of its handlers. */
    assert_int_equal(catzilla_group_create(api, "/late", &taken), 0);
    assert_int_equal(catzilla_group_route(taken, "GET", "", handler, NULL), 0);
    assert_int_equal(catzilla_group_use(taken, before, after, "outer"), 0);
    assert_int_equal(catzilla_group_use(taken, put_off, NULL, NULL), 0);
    assert_int_equal(catzilla_group_use(taken, before, after, "inner"), 0);
    assert_int_equal(catzilla_group_create(api, "/streamed", &taken), 0);
    assert_int_equal(catzilla_group_route(taken, "GET", "", handler, NULL), 0);
    assert_int_equal(catzilla_group_use(taken, before, after, "outer"), 0);
    assert_int_equal(catzilla_group_use(taken, streamed, NULL, NULL), 0);
    assert_int_equal(catzilla_group_use(taken, before, after, "inner"), 0);
    assert_int_equal(catzilla_group_use(root, before, after, "root"), 0);
    assert_int_equal(catzilla_group_use(api, NULL, after, "api"), 0);
    assert_true(catzilla_router_has(catzilla_server_router(host.server), "GET",
                                    "/api/users/{id:int}/posts"));
    host_start(&host);
    trace[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    return host_end(&host);
}

static void expect_reply(const char *request, const char *status, const char *wanted)
{
    size_t size;
    trace[0] = '\0';
    char *reply = client_exchange(host.port, request, strlen(request), 0, &size);
    assert_true(size > 12);
    assert_memory_equal(reply + 9, status, 3);
    free(reply);
    assert_string_equal(trace, wanted);
}

static void expect(const char *path, const char *extra, const char *status, const char *wanted)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, extra);
    expect_reply(request, status, wanted);
}

static void expect_post(const char *path, const char *extra, const char *status, const char *wanted)
{
    char request[256];
    snprintf(request, sizeof request,
             "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: 4\r\n\r\nbody", path, extra);
    expect_reply(request, status, wanted);
}

static void middleware_runs_from_the_outside_in_and_back(void **state)
{
    (void)state;
    expect("/api/users/7", "", "200", "+root+users!-users200-api200-root200");
}

static void a_prefix_may_have_parameters(void **state)
{
    static const char get[] = "GET /api/users/42/posts HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t size;
    (void)state;
    char *reply = client_exchange(host.port, get, sizeof get - 1, 0, &size);
    dates_mask(reply, &size);
    assert_string_equal(reply, "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\n"
                               "X-After: users\r\nX-After: api\r\nX-After: root\r\n\r\n42");
    free(reply);
}

static void a_group_stands_apart_from_its_neighbours(void **state)
{
    (void)state;
    expect("/", "", "200", "+root-root200");
}

static void a_short_cut_skips_what_is_inside(void **state)
{
    (void)state;
    expect("/api/locked", "", "401", "+root+lock+guard-lock401-api401-root401");
}

static void a_short_cut_not_taken_goes_on(void **state)
{
    (void)state;
    expect("/api/locked", "Authorization: yes\r\n", "200",
           "+root+lock+guard+inner!-inner200-lock200-api200-root200");
}

static void a_failure_answers_500_on_the_way_back(void **state)
{
    (void)state;
    expect("/api/faulty", "", "500", "+root+broken-api500-root500");
}

static void the_outermost_runs_for_unknown_paths(void **state)
{
    (void)state;
    expect("/api/users/x", "", "404", "+root-root404");
}

static void a_streamed_reply_is_left_before_its_head(void **state)
{
    (void)state;
    expect("/api/users/7/stream", "", "200", "+root+users!-users200-api200-root200");
}

static void what_comes_after_a_handler_cannot_answer_anew(void **state)
{
    (void)state;
    expect("/api/meddle/plain", "", "200", "+root!-api200-root200");
    expect("/api/meddle/stream", "", "200", "+root!-api200-root200");
}

static void a_reply_that_is_put_off_is_left_when_it_is_made(void **state)
{
    (void)state;
    expect("/api/users/7/late", "", "200", "+root+users~*-users200-api200-root200");
    expect("/api/users/7/failing", "", "500", "+root+users~*-users500-api500-root500");
}

static void middleware_may_put_off_or_stream_in_the_handler_s_place(void **state)
{
    (void)state;
    expect("/api/late", "", "200", "+root+outer~*-outer200-api200-root200");
    expect("/api/streamed", "", "200", "+root+outer!-outer200-api200-root200");
}

/* The handler that would read the body never runs, and the body is not waited for. */
static void a_guard_stands_before_a_body_that_is_read_as_it_comes(void **state)
{
    (void)state;
    expect_post("/api/upload", "", "401", "+root+lock+guard-lock401-api401-root401");
    expect_post("/api/upload", "Authorization: yes\r\n", "200",
                "+root+lock+guard+inner!$-inner200-lock200-api200-root200");
}

static void a_group_that_is_full_leaves_the_others_alone(void **state)
{
    catzilla_group_t *full, *other;
    (void)state;
    host_stop(&host);
    host_create(&host, NULL);
    catzilla_group_t *root = catzilla_server_root(host.server);
    assert_int_equal(catzilla_group_create(root, "/full", &full), 0);
    assert_int_equal(catzilla_group_create(root, "/other", &other), 0);
    assert_int_equal(catzilla_group_route(full, "GET", "", handler, NULL), 0);
    assert_int_equal(catzilla_group_route(other, "GET", "", handler, NULL), 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(catzilla_group_use(full, NULL, NULL, NULL), 0);
    assert_int_equal(catzilla_group_use(full, before, NULL, "late"), CATZILLA_ERR_LIMIT);
    assert_int_equal(catzilla_group_use(other, before, after, "other"), 0);
    host_start(&host);
    expect("/full", "", "200", "!");
    expect("/other", "", "200", "+other!-other200");
}

static void groups_are_made_before_the_server_runs(void **state)
{
    catzilla_group_t *group;
    (void)state;
    catzilla_group_t *root = catzilla_server_root(host.server);
    expect("/", "", "200", "+root-root200");
    assert_int_equal(catzilla_group_create(root, "/late", &group), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_group_use(root, before, NULL, NULL), CATZILLA_ERR_STATE);
    assert_int_equal(catzilla_group_route(root, "GET", "/late", handler, NULL), CATZILLA_ERR_STATE);
}

static void malformed_prefixes_are_refused(void **state)
{
    static const char *const prefix[] = {"/", "a", "/a/", "/{", "/{rest*}", "//a"};
    catzilla_server_t *server;
    catzilla_group_t *group;
    (void)state;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (catzilla_group_create(catzilla_server_root(server), prefix[i], &group) !=
            CATZILLA_ERR_PATTERN)
            fail_msg("\"%s\" was accepted", prefix[i]);
    assert_int_equal(catzilla_group_create(catzilla_server_root(server), "/a", &group), 0);
    assert_int_equal(catzilla_group_route(group, "GET", "b", handler, NULL), CATZILLA_ERR_PATTERN);
    catzilla_server_destroy(server);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(middleware_runs_from_the_outside_in_and_back),
        CASE(a_prefix_may_have_parameters),
        CASE(a_group_stands_apart_from_its_neighbours),
        CASE(a_short_cut_skips_what_is_inside),
        CASE(a_short_cut_not_taken_goes_on),
        CASE(a_failure_answers_500_on_the_way_back),
        CASE(the_outermost_runs_for_unknown_paths),
        CASE(a_streamed_reply_is_left_before_its_head),
        CASE(what_comes_after_a_handler_cannot_answer_anew),
        CASE(a_reply_that_is_put_off_is_left_when_it_is_made),
        CASE(middleware_may_put_off_or_stream_in_the_handler_s_place),
        CASE(a_guard_stands_before_a_body_that_is_read_as_it_comes),
        CASE(a_group_that_is_full_leaves_the_others_alone),
        CASE(groups_are_made_before_the_server_runs),
        CASE(malformed_prefixes_are_refused),
    };
    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
