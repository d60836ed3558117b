/* "100 Continue" (RFC 9110, 10.1.1): for who waits with a body, when nothing of it has come yet. */
#include "routes.h"
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define INTERIM "HTTP/1.1 100 Continue\r\n\r\n"
#define LENGTH  "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
#define CHUNKED                                                                                    \
    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"
#define READ "POST /read HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"

static void serve(void (*script)(uint16_t port, void *data))
{
    routes_run(routes_server(NULL), script, NULL);
}

/* Sends both parts, the second when the first has been answered by `wanted`, and drains. */
static void expect(uint16_t port, const char *first, const char *wanted, const char *second,
                   const char *body)
{
    char reply[4096];
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, first, strlen(first)));
    size_t got = stepped_receive(fd, reply, sizeof reply - 1, strlen(wanted));
    stepped_turns(8);
    assert_int_equal(got, strlen(wanted));
    assert_memory_equal(reply, wanted, got);
    assert_true(stepped_send(fd, second, strlen(second)));
    shutdown(fd, SHUT_WR);
    got = stepped_drain(fd, reply, sizeof reply - 1);
    close(fd);
    reply[got] = '\0';
    assert_memory_equal(reply, "HTTP/1.1 200 OK\r\n", 17);
    assert_null(strstr(reply, "100 Continue"));
    assert_non_null(strstr(reply, body));
}

static void waits(uint16_t port, void *data)
{
    (void)data;
    expect(port, LENGTH, INTERIM, "abc", "\r\n\r\nabc");
    expect(port, CHUNKED, INTERIM, "3\r\nabc\r\n0\r\n\r\n", "\r\n\r\nabc");
    expect(port, READ, INTERIM, "abc", "\r\n\r\nread");
    expect(port, LENGTH, INTERIM, "abcGET /users/x HTTP/1.1\r\nHost: a\r\n\r\n",
           "\r\n\r\nabcHTTP/1.1 ");
}

static void who_waits_with_the_body_is_told_to_go_on(void **state)
{
    (void)state;
    serve(waits);
}

static void does_not_wait(uint16_t port, void *data)
{
    (void)data;
    expect(port, "", "", LENGTH "abc", "\r\n\r\nabc");
    expect(port, LENGTH "a", "", "bc", "\r\n\r\nabc");
    expect(port, "", "", CHUNKED "3\r\nabc\r\n0\r\n\r\n", "\r\n\r\nabc");
}

static void who_sends_the_body_at_once_is_not(void **state)
{
    (void)state;
    serve(does_not_wait);
}

/* The reply before it comes first. */
static void in_order(uint16_t port, void *data)
{
    static const char first[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n" LENGTH;
    char reply[4096];
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, first, sizeof first - 1));
    stepped_turns(4);
    size_t got = stepped_receive(fd, reply, sizeof reply - 1, 1);
    reply[got] = '\0';
    const char *hello = strstr(reply, "Hello, World!");
    assert_non_null(hello);
    assert_string_equal(hello + 13, INTERIM);
    close(fd);
}

static void it_comes_behind_the_reply_before_it(void **state)
{
    (void)state;
    serve(in_order);
}

/* RFC 9110, 10.1.1: the final status comes at once, and the body need not come at all. */
static void expect_at_once(uint16_t port, const char *text, const char *wanted, bool closes)
{
    char reply[4096];
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, strlen(text)));
    size_t got = closes ? stepped_drain(fd, reply, sizeof reply - 1)
                        : stepped_receive(fd, reply, sizeof reply - 1, 1);
    close(fd);
    reply[got] = '\0';
    if (strncmp(reply, wanted, strlen(wanted)) != 0)
        fail_msg("\"%s\" is answered by: %s", text, reply);
    const char *field = strstr(reply, "Connection: close\r\n");
    assert_int_equal(field != NULL, closes);
}

static void refuses(uint16_t port, void *data)
{
#define WAITS(line) line " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
    static const char length[] = "Content-Length: 3\r\n\r\n";
    char text[256];
    (void)data;
    snprintf(text, sizeof text, WAITS("POST /none") "%s", length);
    expect_at_once(port, text, "HTTP/1.1 404", true);
    snprintf(text, sizeof text, WAITS("PUT /read") "%s", length);
    expect_at_once(port, text, "HTTP/1.1 405", true);
    snprintf(text, sizeof text, WAITS("PUT /users/a") "Transfer-Encoding: chunked\r\n\r\n");
    expect_at_once(port, text, "HTTP/1.1 405", true);
    snprintf(text, sizeof text, WAITS("POST /%%00") "%s", length);
    expect_at_once(port, text, "HTTP/1.1 400", true);
    /* Without a body there is nothing to wait with. */
    expect_at_once(port, WAITS("GET /") "\r\n", "HTTP/1.1 200", false);
    expect_at_once(port, WAITS("POST /read") "Content-Length: 0\r\n\r\n", "HTTP/1.1 200", false);
    expect_at_once(port, WAITS("GET /none") "\r\n", "HTTP/1.1 404", false);
    /* Who sends the body at once keeps the connection. */
    snprintf(text, sizeof text, WAITS("POST /none") "%sabc", length);
    expect_at_once(port, text, "HTTP/1.1 404", false);
}

static void a_body_that_nothing_takes_is_not_asked_for(void **state)
{
    (void)state;
    serve(refuses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_with_the_body_is_told_to_go_on),
        cmocka_unit_test(who_sends_the_body_at_once_is_not),
        cmocka_unit_test(a_body_that_nothing_takes_is_not_asked_for),
        cmocka_unit_test(it_comes_behind_the_reply_before_it),
    };
    return cmocka_run_group_tests_name("100 Continue", tests, NULL, NULL);
}
