/* What the owner of an upgraded connection hears of its peer, and when. */
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

#define UPGRADE(path)                                                                              \
    "GET " path " HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n"
#define SWITCHED "\r\nUpgrade: echo\r\n\r\n"

static char reply[1 << 18];

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data), void *data)
{
    routes_run(routes_server(options), script, data);
}

/* Asks, and receives until the connection has been handed over. */
static int upgrade(uint16_t port, const char *text)
{
    size_t size = 0;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, strlen(text)));
    stepped_turns(4);
    stepped_when_idle = routes_go_on;
    do {
        size_t got = stepped_receive(fd, reply + size, sizeof reply - 1 - size, 1);
        assert_true(got > 0);
        size += got;
    } while (size < sizeof SWITCHED ||
             memcmp(reply + size - sizeof SWITCHED + 1, SWITCHED, sizeof SWITCHED - 1) != 0);
    stepped_when_idle = NULL;
    return fd;
}

static void speak_after(uint16_t port, void *data)
{
    int fd = upgrade(port, data);
    stepped_turns(4);
    assert_true(stepped_send(fd, "so it goes.", 11));
    assert_int_equal(stepped_drain(fd, reply, sizeof reply), 11);
    assert_memory_equal(reply, "so it goes.", 11);
    close(fd);
}

static void a_peer_is_heard_after_output_has_held_it_back(void **state)
{
    static char many[40000];
    static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    size_t size = (size_t)sprintf(many, "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\n");
    (void)state;
    options.max_output_bytes = 100;
    serve(&options, speak_after, "GET /borrowed HTTP/1.1\r\nHost: a\r\n\r\n" UPGRADE("/upgrade"));
    /* More behind a reply that is put off than is read ahead. */
    for (int i = 0; i < 1000; i++, size += sizeof get - 1)
        memcpy(many + size, get, sizeof get);
    memcpy(many + size, UPGRADE("/upgrade"), sizeof UPGRADE("/upgrade"));
    serve(NULL, speak_after, many);
}

static catzilla_request_t *asked;
static size_t heard;
static bool end_heard;

static void hear(catzilla_response_t *response, catzilla_slice_t data, void *user_data)
{
    (void)response;
    (void)user_data;
    heard += data.size;
    if (heard == data.size)
        catzilla_request_pause(asked);
}

static void hear_end(catzilla_response_t *response, void *user_data)
{
    (void)user_data;
    end_heard = true;
    if (heard > 0) {
        catzilla_response_write(response, CATZILLA_SLICE("bye"));
        catzilla_response_end(response);
    }
}

static void hear_close(int result, void *user_data)
{
    (void)result;
    (void)user_data;
    routes_held--;
}

/* Halts after the first piece, and has a last word after its peer's. */
static int listen_to(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)user_data;
    asked = request;
    heard = 0;
    end_heard = false;
    stream.on_data = hear;
    stream.on_end = hear_end;
    stream.on_close = hear_close;
    routes_held++;
    return catzilla_response_upgrade(response, CATZILLA_SLICE("echo"), &stream);
}

static void hold_back(uint16_t port, void *data)
{
    static const char piece[65536];
    size_t sent = 0;
    (void)data;
    int fd = upgrade(port, UPGRADE("/listen"));
    /* As much as the system takes of what nobody reads. */
    for (int quiet = 0; quiet < 20; quiet++) {
        ssize_t size = send(fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += size > 0 ? (size_t)size : 0;
        quiet = size > 0 ? 0 : quiet;
        stepped_turns(2);
    }
    assert_true(sent > 4 * sizeof piece);
    assert_true(heard > 0 && heard <= sizeof piece);
    shutdown(fd, SHUT_WR);
    stepped_turns(4);
    assert_false(end_heard);
    catzilla_request_resume(asked);
    assert_int_equal(stepped_drain(fd, reply, sizeof reply), 3);
    assert_memory_equal(reply, "bye", 3);
    assert_int_equal(heard, sent);
    assert_true(end_heard);
    close(fd);
}

static void serve_listener(const catzilla_server_options_t *options,
                           void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_t *server = routes_server(options);
    assert_int_equal(catzilla_server_route(server, "GET", "/listen", listen_to, NULL), 0);
    routes_run(server, script, data);
}

static void an_owner_that_pauses_holds_its_peer_back(void **state)
{
    (void)state;
    serve_listener(NULL, hold_back, NULL);
}

static void leave_unread(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    (void)data;
    int fd = upgrade(port, UPGRADE("/listen"));
    assert_true(stepped_send(fd, "a", 1));
    stepped_turns(4);
    assert_int_equal(heard, 1); /* and has paused */
    close(fd);
    stepped_until_open(open);
}

static void a_peer_that_resets_is_missed_by_an_owner_that_pauses(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.half_closed_timeout_ms = 200;
    serve_listener(&options, leave_unread, NULL);
}

static void say_nothing(uint16_t port, void *data)
{
    size_t open = stepped_descriptors();
    int fd = upgrade(port, data);
    shutdown(fd, SHUT_WR);
    stepped_until_open(open + 1); /* the client's */
    assert_true(end_heard);
    close(fd);
}

static void an_owner_that_has_no_last_word_is_not_waited_for(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.half_closed_timeout_ms = 200;
    serve_listener(&options, say_nothing, UPGRADE("/listen"));
}

/* All at once, behind a reply that is put off: the end is known before there is a stream. */
static void end_early(uint16_t port, void *data)
{
    static const char text[] =
        "GET /deferred HTTP/1.1\r\nHost: a\r\n\r\n" UPGRADE("/listen") "so it goes.";
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, sizeof text - 1));
    shutdown(fd, SHUT_WR);
    stepped_turns(6);
    stepped_when_idle = routes_go_on;
    size_t size = stepped_drain(fd, reply, sizeof reply);
    stepped_when_idle = NULL;
    assert_true(size > 3);
    assert_memory_equal(reply + size - 3, "bye", 3);
    assert_int_equal(heard, 11);
    close(fd);
}

static void an_end_that_came_before_the_upgrade_is_told(void **state)
{
    (void)state;
    serve_listener(NULL, end_early, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_heard_after_output_has_held_it_back),
        cmocka_unit_test(an_owner_that_pauses_holds_its_peer_back),
        cmocka_unit_test(a_peer_that_resets_is_missed_by_an_owner_that_pauses),
        cmocka_unit_test(an_owner_that_has_no_last_word_is_not_waited_for),
        cmocka_unit_test(an_end_that_came_before_the_upgrade_is_told),
    };
    return cmocka_run_group_tests_name("raw", tests, NULL, NULL);
}
