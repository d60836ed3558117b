/* Peers that leave, or close their half and stay: who is served on, and whose place becomes free.
 */
#include "routes.h"
#include "stepped.h"

#include <catzilla/listener.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WINDOW_MS 400u

static catzilla_response_t *news;

static void news_closed(int result, void *user_data)
{
    (void)user_data;
    news = NULL;
    assert_int_equal(result, 0);
}

/* Streams what the test writes. */
static int tell_news(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_close = news_closed;
    news = response;
    return catzilla_response_stream(response, &stream);
}

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_t *server = routes_server(options);
    assert_int_equal(catzilla_server_route(server, "GET", "/news", tell_news, NULL), 0);
    routes_run(server, script, data);
}

static int ask(uint16_t port, const char *text)
{
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, strlen(text)));
    stepped_turns(6);
    return fd;
}

/* Ends by a close that sends what is left, and not by a reset. */
static void leave(int fd)
{
    static const struct linger orderly = {0, 0};
    char reply[4096];
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &orderly, sizeof orderly), 0);
    while (recv(fd, reply, sizeof reply, MSG_DONTWAIT) > 0)
        ;
    close(fd);
}

static void ask_and_leave(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    for (int i = 0; i < 5; i++)
        leave(ask(port, data));
    stepped_until_open(open);
    while (routes_go_on())
        stepped_turn();
}

/* Some who are not read to the end leave by a reset, and some in order. */
static void say_much_and_leave(uint16_t port, void *data)
{
    static const char much[65536];
    size_t open = stepped_descriptors();
    for (int i = 0; i < 4; i++) {
        int fd = ask(port, data);
        assert_true(stepped_send(fd, much, sizeof much));
        for (int n = 0; n < 10; n++)
            stepped_turn();
        if (i % 2 == 0)
            leave(fd);
        else
            close(fd);
    }
    stepped_until_open(open);
}

static void a_peer_that_has_left_gives_its_place_back(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.half_closed_timeout_ms = WINDOW_MS;
    options.write_timeout_ms = 0;
    serve(&options, ask_and_leave, "GET /open HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(&options, ask_and_leave, "GET /open HTTP/1.0\r\n\r\n");
    serve(&options, ask_and_leave, "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(&options, say_much_and_leave, "GET /open HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(&options, ask_and_leave, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /late HTTP/1.0\r\n\r\n");
    /* The output of the first holds the reading back for a while. */
    options.max_output_bytes = 1;
    serve(&options, ask_and_leave,
          "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /open HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* What a newcomer gets while all places are those of peers that have left. */
static void come_late(uint16_t port, void *data)
{
    const char *wanted = data;
    char reply[64];
    for (int i = 0; i < 2; i++)
        close(ask(port, "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\n"));
    stepped_turns(10);
    int fd = ask(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ssize_t got = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    /* It waits, or is turned away. */
    assert_true(got <= 0);
    assert_int_equal(got < 0 && errno == EAGAIN, wanted != NULL);
    assert_true(routes_go_on());
    if (wanted == NULL) {
        close(fd);
        stepped_turns(4);
        fd = ask(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    assert_true(stepped_receive(fd, reply, sizeof reply, 12) >= 12);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    close(fd);
}

static void a_request_holds_its_place_after_its_peer_has_left(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_connections = 2;
    serve(&options, come_late, "200");
    options.max_connections = 0;
    options.max_address_connections = 2;
    serve(&options, come_late, NULL);
}

/* Asks for a client that a proxy names; the socket, or -1 where the client has too many. */
static int ask_for(uint16_t port, const char *client)
{
    char text[200], byte;
    snprintf(text, sizeof text, "PROXY %s 5000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", client);
    int fd = ask(port, text);
    if (stepped_receive(fd, &byte, 1, 1) == 1)
        return fd;
    close(fd);
    return -1;
}

static void come_from_networks(uint16_t port, void *data)
{
    static const struct {
        const char *client;
        bool served;
    } row[] = {
        {"TCP6 2001:db8:0:1::1 ::1", true},       {"TCP6 2001:db8:0:1:ffff:: ::1", true},
        {"TCP6 2001:db8:0:1::3 ::1", false},      {"TCP6 2001:db8:0:2::1 ::1", true},
        {"TCP4 192.0.2.1 127.0.0.1", true},       {"TCP6 ::ffff:192.0.2.1 ::1", true},
        {"TCP4 192.0.2.1 127.0.0.1", false},      {"TCP6 ::ffff:192.0.2.2 ::1", true},
        {"TCP6 2001:db8:0:1:2:3:4:5 ::1", false},
    };
    int fds[sizeof row / sizeof *row];
    (void)data;
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
            fds[i] = ask_for(port, row[i].client);
            if ((fds[i] >= 0) != row[i].served)
                fail_msg("%s was %sserved", row[i].client, row[i].served ? "not " : "");
        }
        for (size_t i = 0; i < sizeof row / sizeof *row; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        stepped_turns(10);
    }
}

static void the_addresses_of_one_network_count_together(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_address_connections = 2;
    catzilla_server_t *server = routes_server(&options);
    assert_int_equal(catzilla_server_trust_proxy(server, STEPPED_CLIENT), 0);
    routes_run(server, come_from_networks, NULL);
}

/* A peer that has asked for all it wants, and takes it piece by piece. */
static void read_on(uint16_t port, void *data)
{
    char piece[64];
    uint64_t since = stepped_now_ms();
    (void)data;
    int fd = ask(port, "GET /news HTTP/1.0\r\n\r\n");
    shutdown(fd, SHUT_WR);
    stepped_turn();
    assert_true(stepped_receive(fd, piece, sizeof piece, 20) >= 20);
    while (stepped_now_ms() - since < 4 * WINDOW_MS) {
        assert_int_equal(catzilla_response_write(news, CATZILLA_SLICE("0123456789")), 0);
        assert_true(stepped_receive(fd, piece, sizeof piece, 10) > 0);
        usleep(5000);
    }
    assert_int_equal(catzilla_response_end(news), 0);
    assert_int_equal(stepped_receive(fd, piece, sizeof piece, 1), 0);
    assert_null(news);
    close(fd);
}

static void a_half_closed_peer_is_served_while_it_takes_something(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.half_closed_timeout_ms = WINDOW_MS;
    serve(&options, read_on, NULL);
}

static void wait_half_closed(uint16_t port, void *data)
{
    char reply[4096];
    int fd = ask(port, data);
    shutdown(fd, SHUT_WR);
    usleep(20000);
    stepped_turn();
    stepped_when_idle = routes_go_on;
    reply[stepped_drain(fd, reply, sizeof reply - 1)] = '\0';
    stepped_when_idle = NULL;
    close(fd);
    assert_non_null(strstr(reply, "put off"));
    assert_non_null(strstr(reply, "Hello, World!"));
}

static void a_half_closed_peer_gets_all_that_it_asked_for(void **state)
{
    (void)state;
    serve(NULL, wait_half_closed,
          "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /deferred HTTP/1.1\r\nHost: a\r\n\r\n");
    serve(NULL, wait_half_closed,
          "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* The server's end of the connection; the test and the server are one process. */
static int other_end(int fd)
{
    struct sockaddr_in own, peer;
    socklen_t size = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    for (int other = 3; other < 1000; other++) {
        size = sizeof peer;
        if (getpeername(other, (struct sockaddr *)&peer, &size) == 0 &&
            peer.sin_family == AF_INET && peer.sin_port == own.sin_port)
            return other;
    }
    return -1;
}

static void look_at_the_socket(uint16_t port, void *data)
{
    static const struct {
        int level;
        int name;
    } option[] = {{SOL_SOCKET, SO_KEEPALIVE},
                  {IPPROTO_TCP, TCP_KEEPIDLE},
                  {IPPROTO_TCP, TCP_KEEPINTVL},
                  {IPPROTO_TCP, TCP_USER_TIMEOUT}};
    const int *wanted = data;
    int fd = ask(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 0; i < 4; i++) {
        int value = 0;
        socklen_t size = sizeof value;
        assert_int_equal(getsockopt(other_end(fd), option[i].level, option[i].name, &value, &size),
                         0);
        assert_int_equal(value, wanted[i]);
    }
    close(fd);
}

static void the_system_is_asked_to_notice_who_vanishes(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    int wanted[] = {1, 60, 15, 120000};
    (void)state;
    serve(&options, look_at_the_socket, wanted);
    options.keepalive_ms = 4001;
    options.write_timeout_ms = 0;
    memcpy(wanted, (int[]){1, 5, 1, 0}, sizeof wanted);
    serve(&options, look_at_the_socket, wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_has_left_gives_its_place_back),
        cmocka_unit_test(a_request_holds_its_place_after_its_peer_has_left),
        cmocka_unit_test(the_addresses_of_one_network_count_together),
        cmocka_unit_test(a_half_closed_peer_is_served_while_it_takes_something),
        cmocka_unit_test(a_half_closed_peer_gets_all_that_it_asked_for),
        cmocka_unit_test(the_system_is_asked_to_notice_who_vanishes),
    };
    return cmocka_run_group_tests_name("leaving", tests, NULL, NULL);
}
