/* What arrives while a reply is put off is dealt with afterwards, in order and whole. */
#define _GNU_SOURCE /* memmem */
#include "routes.h"
#include "stepped.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const char deferred[] = "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\n";
static const char late[] = "GET /late HTTP/1.1\r\nHost: a\r\n\r\n";

static void serve(void (*script)(uint16_t port, void *data), void *data)
{
    routes_run(routes_server(NULL), script, data);
}

/* Sends in pieces that each are read by themselves, completes, and counts the replies. */
static void send_in_pieces(uint16_t port, void *data)
{
    char text[4096], reply[65536];
    const size_t piece = *(const size_t *)data;
    size_t size = 0;
    for (int i = 0; i < 10; i++)
        size += (size_t)snprintf(
            text + size, sizeof text - size,
            "%sPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n#%03d", deferred, i);
    int fd = stepped_connect(port);
    for (size_t at = 0; at < size; at += piece) {
        assert_true(stepped_send(fd, text + at, size - at < piece ? size - at : piece));
        stepped_turns(2);
    }
    shutdown(fd, SHUT_WR);
    stepped_when_idle = routes_go_on;
    size_t got = stepped_drain(fd, reply, sizeof reply - 1);
    stepped_when_idle = NULL;
    close(fd);
    reply[got] = '\0';
    const char *at = reply;
    for (int i = 0; i < 10; i++) {
        char body[8];
        snprintf(body, sizeof body, "#%03d", i);
        at = strstr(at, "put off");
        assert_non_null(at);
        at = strstr(at, body);
        if (at == NULL)
            fail_msg("in pieces of %zu the body %s did not come back", piece, body);
    }
}

static void what_comes_meanwhile_is_kept_in_order(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 1000; piece = piece * 3 / 2 + 1)
        serve(send_in_pieces, &piece);
}

/* As much as the system takes, which is more than the server keeps. */
static void send_much(uint16_t port, void *data)
{
    static char piece[65536];
    size_t live, sent = 0;
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, deferred, sizeof deferred - 1));
    stepped_turns(3);
    for (int quiet = 0; quiet < 20; quiet++) {
        ssize_t size = send(fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += size > 0 ? (size_t)size : 0;
        quiet = size > 0 ? 0 : quiet;
        stepped_turns(2);
    }
    assert_true(sent > 4 * sizeof piece);
    assert_int_equal(catzilla_memory_get_arena_stats(CATZILLA_MEMORY_REQUEST, &live, NULL), 0);
    assert_in_range(live, 1, 4 * sizeof piece);
    close(fd);
    assert_true(routes_go_on());
    stepped_turns(3);
}

static void no_more_than_a_little_is_read_ahead(void **state)
{
    (void)state;
    serve(send_much, NULL);
}

static void reset_early(uint16_t port, void *data)
{
    const char *request = data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, request, strlen(request)));
    stepped_turns(3);
    close(fd);
    stepped_turns(3);
    assert_true(routes_go_on());
    stepped_turns(3);
}

static void a_connection_lost_before_its_reply_leaves_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        serve(reset_early, (void *)(i % 2 == 0 ? deferred : late));
}

/* Completion, refusal of what follows, and the peer's end all in one turn of the loop. */
static void end_at_once(uint16_t port, void *data)
{
    static const char both[] = "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n";
    char reply[4096];
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, both, sizeof both - 1));
    stepped_turns(3);
    assert_true(routes_go_on());
    shutdown(fd, SHUT_WR);
    size_t size = stepped_drain(fd, reply, sizeof reply - 1);
    close(fd);
    reply[size] = '\0';
    assert_non_null(strstr(reply, "put off"));
    assert_non_null(strstr(reply, "400 Bad Request"));
}

static void an_end_that_meets_the_replies_does_not_lose_them(void **state)
{
    (void)state;
    serve(end_at_once, NULL);
}

/* The last request of a connection is put off while the reply before it is sent. */
static void put_off_the_last(uint16_t port, void *data)
{
    static const char *const first[] = {"/deferred", "/late", "/streamed", "/"};
    static const char *const last[] = {"/deferred", "/late"};
    char both[256], reply[65536];
    (void)data;
    stepped_when_idle = routes_go_on;
    for (unsigned i = 0; i < 16; i++) {
        const char *awaited = last[i / 4 % 2];
        int fd = stepped_connect(port);
        snprintf(both, sizeof both,
                 "GET %s HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                 first[i % 4], awaited);
        assert_true(stepped_send(fd, both, strlen(both)));
        if (i / 8 == 0)
            shutdown(fd, SHUT_WR);
        size_t size = stepped_drain(fd, reply, sizeof reply - 1);
        close(fd);
        /* What is streamed holds NULs. */
        reply[size] = '\0';
        const char *second = memmem(reply + 1, size - 1, "HTTP/1.1 200", 12);
        if (second == NULL || strstr(second, i / 4 % 2 == 0 ? "put off" : "late") == NULL)
            fail_msg("behind %s the reply of %s is missing", first[i % 4], awaited);
    }
    stepped_when_idle = NULL;
}

static void the_last_reply_is_sent_though_it_is_put_off(void **state)
{
    (void)state;
    serve(put_off_the_last, NULL);
}

/* Leaves with the head and a part of the body read; the server stops then. */
static void begin_to_read(uint16_t port, void *data)
{
    static const char get[] = "GET /open HTTP/1.0\r\n\r\n";
    char reply[4096];
    int *fd = data;
    *fd = stepped_connect(port);
    assert_true(stepped_send(*fd, get, sizeof get - 1));
    size_t size = stepped_receive(*fd, reply, sizeof reply - 1, 1);
    reply[size] = '\0';
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\nhalf");
}

/* To a peer of 1.0 an orderly end would be that of the body. */
static void a_stream_that_is_cut_off_does_not_look_whole(void **state)
{
    char byte;
    int fd;
    (void)state;
    serve(begin_to_read, &fd);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_meanwhile_is_kept_in_order),
        cmocka_unit_test(no_more_than_a_little_is_read_ahead),
        cmocka_unit_test(an_end_that_meets_the_replies_does_not_lose_them),
        cmocka_unit_test(the_last_reply_is_sent_though_it_is_put_off),
        cmocka_unit_test(a_stream_that_is_cut_off_does_not_look_whole),
        cmocka_unit_test(a_connection_lost_before_its_reply_leaves_nothing),
    };
    return cmocka_run_group_tests_name("replies put off", tests, NULL, NULL);
}
