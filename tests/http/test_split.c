/*
 * The cases of the conformance tables once more, cut in two at every byte: what has come is read,
 * and the loop has turned, before the rest follows. Where a request is cut never changes the
 * answer.
 */
#include "../server/stepped.h"
#include "conformance.h"
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { REPLIES = 1 << 16, LONGEST = 600 };

static const conformance_case_t *row;
static char *in;
static size_t size;

static void expect_cut_at(uint16_t port, size_t cut)
{
    static char reply[REPLIES + 1];
    int fd = stepped_connect(port);
    bool open = stepped_send(fd, in, cut);
    stepped_turn();
    stepped_turn();
    if (open && stepped_send(fd, in + cut, size - cut))
        shutdown(fd, SHUT_WR);
    size_t got = stepped_drain(fd, reply, REPLIES);
    close(fd);
    dates_mask(reply, &got);
    if (got != strlen(row->out) || memcmp(reply, row->out, got) != 0)
        fail_msg("%s, %s, cut at %zu of %zu: %.*s", row->section, row->name, cut, size, (int)got,
                 reply);
}

static void cut_everywhere(uint16_t port, void *data)
{
    (void)data;
    for (size_t cut = 1; cut < size; cut++)
        expect_cut_at(port, cut);
}

static void try_table(const conformance_case_t *rows, size_t count)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    host_t host;
    conformance_options(&options);
    for (size_t i = 0; i < count; i++) {
        row = &rows[i];
        in = conformance_expand(row->in, row->in_size, &size);
        /* A server each, whose port has not seen the connections of the others. */
        if (size < LONGEST) {
            host_create(&host, &options);
            assert_int_equal(stepped_run(host.server, cut_everywhere, NULL), 0);
            catzilla_server_destroy(host.server);
        }
        free(in);
    }
}

static void a_cut_never_changes_the_answer(void **state)
{
    (void)state;
    try_table(conformance_line, conformance_line_count);
    try_table(conformance_fields, conformance_fields_count);
    try_table(conformance_framing, conformance_framing_count);
    try_table(conformance_connection, conformance_connection_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_cut_never_changes_the_answer)};
    return cmocka_run_group_tests_name("cut at every byte", tests, NULL, NULL);
}
