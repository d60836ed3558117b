/*
 * A server that ends, by a drain or by a stop, at any stage of any request: by a drain the request
 * is still answered, and either way nothing stays behind.
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

enum { MOST_TURNS = 4, PLACES = 4, REPLIES = 1 << 18 };

/* When the end is asked for. */
typedef struct stage {
    const kind_t *kind;
    size_t place; /* in quarters of the request's text that have been sent */
    int turns;    /* of the loop since */
} stage_t;

static char reply[REPLIES + 1];

static int begin(uint16_t port, const stage_t *stage, size_t *sent)
{
    int fd = stepped_connect(port);
    *sent = strlen(stage->kind->text) * stage->place / PLACES;
    assert_true(stepped_send(fd, stage->kind->text, *sent));
    stepped_turns(stage->turns);
    return fd;
}

static void drain_there(uint16_t port, void *data)
{
    static const char body[200000];
    const stage_t *stage = data;
    const kind_t *kind = stage->kind;
    size_t sent;
    int fd = begin(port, stage, &sent);
    catzilla_server_drain(kind_server, 0);
    stepped_turn();
    stepped_when_idle = routes_go_on;
    if (stepped_send(fd, kind->text + sent, strlen(kind->text) - sent) &&
        stepped_send(fd, body, kind->body_size))
        shutdown(fd, SHUT_WR);
    reply[stepped_drain(fd, reply, REPLIES)] = '\0';
    stepped_when_idle = NULL;
    close(fd);
    for (int i = 0; i < 4 || routes_go_on(); i++)
        stepped_turn();
}

static void stop_there(uint16_t port, void *data)
{
    size_t sent;
    int fd = begin(port, data, &sent);
    catzilla_server_stop(kind_server);
    for (int i = 0; i < 4 || routes_go_on(); i++)
        stepped_turn();
    close(fd);
}

static void expect_nothing_left(const stage_t *stage, const size_t before[CLASSES])
{
    size_t after[CLASSES];
    live_bytes(after);
    assert_int_equal(routes_held, 0);
    for (int class = 0; class < CLASSES; class ++)
        if (after[class] != before[class])
            fail_msg("%s, %zu quarters sent, %d turns: class %d has %zu live bytes, not %zu",
                     stage->kind->name, stage->place, stage->turns, class, after[class],
                     before[class]);
}

static void expect_answer(const stage_t *stage)
{
    bool given_up = strstr(stage->kind->text, "/given-up") != NULL;
    if ((strncmp(reply, "HTTP/1.1 ", 9) != 0 || kind_report.aborted != 0) && !given_up)
        fail_msg("%s, %zu quarters sent, %d turns: %d aborted, %.60s", stage->kind->name,
                 stage->place, stage->turns, (int)kind_report.aborted, reply);
    assert_int_equal(kind_report.live_bytes[CATZILLA_MEMORY_REQUEST], 0);
    assert_int_equal(kind_report.live_bytes[CATZILLA_MEMORY_RESPONSE], 0);
}

static void try_each(void (*script)(uint16_t port, void *data), void (*expect)(const stage_t *))
{
    catzilla_static_t *files = kinds_mount();
    for (size_t i = 0; i < kind_count; i++)
        for (size_t place = 0; place <= PLACES; place++)
            for (int turns = 0; turns < MOST_TURNS; turns++) {
                stage_t stage = {&kinds[i], place, turns};
                size_t before[CLASSES];
                live_bytes(before);
                kind_serve(&kinds[i], files, script, &stage);
                expect_nothing_left(&stage, before);
                if (expect != NULL)
                    expect(&stage);
            }
    catzilla_static_destroy(files);
}

static void a_drain_at_any_stage_answers_the_request(void **state)
{
    (void)state;
    try_each(drain_there, expect_answer);
}

static void a_stop_at_any_stage_leaves_nothing(void **state)
{
    (void)state;
    try_each(stop_there, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drain_at_any_stage_answers_the_request),
        cmocka_unit_test(a_stop_at_any_stage_leaves_nothing),
    };
    return cmocka_run_group_tests_name("ends", tests, kinds_begin, kinds_end);
}
