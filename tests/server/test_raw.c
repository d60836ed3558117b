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
    catzilla_server_t *server;
    assert_int_equal(catzilla_server_create(options, &server), 0);
    assert_int_equal(routes_add(server, NULL), 0);
    assert_int_equal(stepped_run(server, script, data), 0);
    catzilla_server_destroy(server);
    assert_int_equal(routes_held, 0);
}

static void turn(int times)
{
    while (times-- > 0)
        stepped_turn();
}

/* Asks, and receives until the connection has been handed over. */
static int upgrade(uint16_t port, const char *text)
{
    size_t size = 0;
    int fd = stepped_connect(port);
    assert_true(stepped_send(fd, text, strlen(text)));
    turn(4);
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
    turn(4);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_is_heard_after_output_has_held_it_back),
    };
    return cmocka_run_group_tests_name("raw", tests, NULL, NULL);
}
