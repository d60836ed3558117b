/* The end of a connection takes nothing from a peer that still speaks, and does not wait for ever.
 */
#include "stepped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE     1000000u
#define WINDOW_MS 300u

static const char get[] = "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
static char reply[2 * LARGE];

static int large(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    static const char page[LARGE];
    (void)request;
    (void)user_data;
    return catzilla_response_body_borrow(response, (catzilla_slice_t){page, LARGE}, NULL, NULL);
}

/* The server ends the connection, and not the peer, who may have more to say. */
static int last(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    (void)request;
    (void)user_data;
    return catzilla_response_close(response);
}

/* Ended by its owner after the first word, for all that was asked of the reply. */
static void one_word(catzilla_response_t *response, catzilla_slice_t data, void *user_data)
{
    (void)user_data;
    assert_int_equal(catzilla_response_write(response, data), 0);
    assert_int_equal(catzilla_response_end(response), 0);
}

static int upgraded(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    catzilla_stream_t stream = CATZILLA_STREAM_INIT;
    (void)request;
    (void)user_data;
    stream.on_data = one_word;
    assert_int_equal(catzilla_response_close(response), 0);
    return catzilla_response_upgrade(response, CATZILLA_SLICE("word"), &stream);
}

static void serve(const catzilla_server_options_t *options,
                  void (*script)(uint16_t port, void *data), void *data)
{
    catzilla_server_t *server;
    assert_int_equal(catzilla_server_create(options, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/large", large, NULL), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/last", last, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
}

/* Says something again once the last reply has gone as far as the system takes it. */
static void speak_on(uint16_t port, void *data)
{
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, get, sizeof get - 1));
    stepped_turns(8);
    assert_int_equal(send(fd, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
    stepped_turns(8);
    size_t size = stepped_drain(fd, reply, sizeof reply);
    close(fd);
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    assert_true(size > LARGE);
}

static void a_peer_that_speaks_on_gets_its_last_reply(void **state)
{
    (void)state;
    serve(NULL, speak_on, NULL);
}

/* Sends a body that was refused for longer than the server waits for a silent peer. */
static void upload_on(uint16_t port, void *data)
{
    static const char post[] =
        "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n";
    static const char piece[1000];
    uint64_t since = stepped_now_ms();
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, post, sizeof post - 1));
    while (stepped_now_ms() - since < 4 * WINDOW_MS) {
        assert_int_equal(send(fd, piece, sizeof piece, MSG_NOSIGNAL), sizeof piece);
        stepped_turns(1);
        usleep(5000);
    }
    size_t size = stepped_receive(fd, reply, sizeof reply, 20);
    assert_true(size >= 20);
    assert_memory_equal(reply, "HTTP/1.1 413", 12);
    /* It ends all the same. */
    for (bool open = true; open;)
        open = stepped_send(fd, piece, sizeof piece);
    close(fd);
}

static void a_peer_that_still_uploads_can_read_its_refusal(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.linger_timeout_ms = WINDOW_MS;
    options.linger_total_ms = 6 * WINDOW_MS;
    serve(&options, upload_on, NULL);
}

/* Takes the reply, and then neither says anything nor closes. */
static void fall_silent(uint16_t port, void *data)
{
    (void)data;
    size_t open = stepped_descriptors();
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, get, sizeof get - 1));
    stepped_turns(8);
    assert_true(stepped_drain(fd, reply, sizeof reply) > LARGE);
    stepped_until_open(open + 1); /* the client's */
    close(fd);
}

static void a_peer_that_falls_silent_is_not_waited_for(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.linger_timeout_ms = WINDOW_MS;
    serve(&options, fall_silent, NULL);
    options.linger_timeout_ms = 0;
    serve(&options, fall_silent, NULL);
}

/* Goes on to ask when the reply that ends the connection is there. */
static void ask_on(uint16_t port, void *data)
{
    static const char ask[] = "GET /last HTTP/1.1\r\nHost: a\r\n\r\n";
    (void)data;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, ask, sizeof ask - 1));
    stepped_turns(8);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL), sizeof ask - 1);
        stepped_turns(2);
    }
    size_t size = stepped_drain(fd, reply, sizeof reply - 1);
    reply[size] = '\0';
    assert_memory_equal(reply, "HTTP/1.1 200", 12);
    assert_null(strstr(reply + 1, "HTTP/1.1"));
    close(fd);
}

static void a_peer_that_asks_on_is_not_reset_by_the_last_reply(void **state)
{
    (void)state;
    serve(NULL, ask_on, NULL);
}

/* A drain counts the connection as one that its owner has yet to end. */
static void speak_a_word(uint16_t port, void *server)
{
    static const char ask[] =
        "GET /word HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: word\r\n\r\n";
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, ask, sizeof ask - 1));
    size_t size = stepped_receive(fd, reply, sizeof reply, 30);
    assert_true(size >= 30);
    assert_memory_equal(reply, "HTTP/1.1 101", 12);
    catzilla_server_drain(server, 0);
    stepped_turns(8);
    assert_true(stepped_send(fd, "word", 4));
    size = stepped_drain(fd, reply, sizeof reply);
    assert_true(size >= 4);
    assert_memory_equal(reply + size - 4, "word", 4);
    close(fd);
    stepped_turns(8);
}

static void an_upgraded_connection_is_its_owners_to_end(void **state)
{
    catzilla_drain_report_t report = CATZILLA_DRAIN_REPORT_INIT;
    catzilla_server_t *server;
    (void)state;
    assert_int_equal(catzilla_server_create(NULL, &server), 0);
    assert_int_equal(catzilla_server_route(server, "GET", "/word", upgraded, NULL), 0);
    assert_int_equal(stepped_run(server, speak_a_word, server), 0);
    assert_int_equal(catzilla_server_drain_report(server, &report), 0);
    assert_int_equal(report.finished, 1);
    assert_int_equal(report.aborted, 0);
    catzilla_server_destroy(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_speaks_on_gets_its_last_reply),
        cmocka_unit_test(a_peer_that_asks_on_is_not_reset_by_the_last_reply),
        cmocka_unit_test(an_upgraded_connection_is_its_owners_to_end),
        cmocka_unit_test(a_peer_that_still_uploads_can_read_its_refusal),
        cmocka_unit_test(a_peer_that_falls_silent_is_not_waited_for),
    };
    return cmocka_run_group_tests_name("lingering", tests, NULL, NULL);
}
