/*
 * Exact bytes in and out. Each case is sent at once, in two halves and byte by byte: how a peer's
 * bytes arrive never changes the answer.
 */
#include "conformance.h"
#include "host.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static host_t host;

static void print_bytes(const char *what, const char *bytes, size_t size)
{
    print_error("%s (%zu):\n", what, size);
    for (size_t i = 0; i < size && i < 600; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' || isprint(c))
            print_error("%c", c);
        else if (c != '\r')
            print_error("\\x%02x", c);
    }
    print_error("\n");
}

static bool answers(const conformance_case_t *row, const char *in, size_t size, size_t piece)
{
    size_t out_size;
    char *out = client_exchange(host.port, in, size, piece, &out_size);
    dates_mask(out, &out_size);
    bool same = out_size == strlen(row->out) && memcmp(out, row->out, out_size) == 0;
    if (!same) {
        print_error("%s, %s, in pieces of %zu\n", row->section, row->name, piece);
        print_bytes("wanted", row->out, strlen(row->out));
        print_bytes("got", out, out_size);
    }
    free(out);
    return same;
}

static void run_table(const conformance_case_t *rows, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size;
        char *in = conformance_expand(rows[i].in, rows[i].in_size, &size);
        bool right = answers(&rows[i], in, size, 0);
        right = right && answers(&rows[i], in, size, size / 2 + 1);
        if (size < 600)
            right = right && answers(&rows[i], in, size, 1);
        wrong += !right;
        free(in);
    }
    if (wrong > 0)
        fail_msg("%zu of %zu cases are answered wrongly", wrong, count);
}

static void request_lines(void **state)
{
    (void)state;
    run_table(conformance_line, conformance_line_count);
}

static void header_fields(void **state)
{
    (void)state;
    run_table(conformance_fields, conformance_fields_count);
}

static void framing(void **state)
{
    (void)state;
    run_table(conformance_framing, conformance_framing_count);
}

static void connections(void **state)
{
    (void)state;
    run_table(conformance_connection, conformance_connection_count);
}

static int begin(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    conformance_options(&options);
    host_run(&host, &options);
    return 0;
}

static int end(void **state)
{
    (void)state;
    host_stop(&host);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines),
        cmocka_unit_test(header_fields),
        cmocka_unit_test(framing),
        cmocka_unit_test(connections),
    };
    return cmocka_run_group_tests_name("conformance", tests, begin, end);
}
