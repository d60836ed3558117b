/*
 * A client that resets: each kind of request, sent up to different places, with different numbers
 * of turns for the server to come to different stages, and with more or less of the reply read.
 */
#include "kinds.h"
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

enum { MOST_TURNS = 6, PLACES = 7 };

/* The number of bytes that are sent for `place`, of the text and the body behind it. */
static size_t size_sent(const kind_t *kind, int place)
{
    size_t text = strlen(kind->text);
    const size_t sizes[PLACES] = {
        0, 1, text / 2, text - 1, text, text + kind->body_size / 2, text + kind->body_size};
    return sizes[place];
}

static void send_up_to(int fd, const kind_t *kind, size_t size)
{
    static const char body[200000];
    size_t text = strlen(kind->text);
    stepped_send(fd, kind->text, size < text ? size : text);
    if (size > text)
        stepped_send(fd, body, size - text);
}

static void turn_and_reset(int fd, int turns, size_t read)
{
    char reply[20000];
    for (int i = 0; i < turns; i++) {
        stepped_turn();
        if (turns % 2 == 0)
            routes_go_on();
    }
    if (read > 0)
        recv(fd, reply, read, MSG_DONTWAIT);
    stepped_turn();
    close(fd); /* a reset, by the option that the socket has */
    for (int i = 0; i < 4 || routes_go_on(); i++)
        stepped_turn();
}

static void reset_everywhere(uint16_t port, void *data)
{
    static const size_t reads[] = {0, 1, 300, 20000};
    const kind_t *kind = data;
    size_t open = stepped_descriptors();
    for (int place = 0; place < PLACES; place++)
        for (int turns = 0; turns < MOST_TURNS; turns++)
            for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
                int fd = stepped_connect(port);
                send_up_to(fd, kind, size_sent(kind, place));
                turn_and_reset(fd, turns, reads[i]);
                if (routes_held != 0 || stepped_descriptors() != open)
                    fail_msg("%s, %zu bytes sent, %d turns, %zu bytes read: %d held, %zu open",
                             kind->name, size_sent(kind, place), turns, reads[i], routes_held,
                             stepped_descriptors() - open);
            }
}

static void a_reset_at_any_stage_of_any_request_leaves_nothing(void **state)
{
    catzilla_static_t *files = kinds_mount();
    (void)state;
    for (size_t i = 0; i < kind_count; i++) {
        size_t before[CLASSES], after[CLASSES];
        live_bytes(before);
        kind_serve(&kinds[i], files, reset_everywhere, (void *)&kinds[i]);
        live_bytes(after);
        for (int class = 0; class < CLASSES; class ++)
            if (after[class] != before[class])
                fail_msg("%s: class %d has %zu live bytes, not %zu", kinds[i].name, class,
                         after[class], before[class]);
    }
    catzilla_static_destroy(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_at_any_stage_of_any_request_leaves_nothing),
    };
    return cmocka_run_group_tests_name("resets", tests, kinds_begin, kinds_end);
}
