/* Lines of the access log, to the byte. */
#include <catzilla/accesslog.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const catzilla_access_t plain = {
    sizeof plain,
    {"127.0.0.1:50412", 15},
    {"GET", 3},
    {"/a?b=c", 6},
    200,
    5120,
    210999,
    1769860800042, /* 2026-01-31T12:00:00.042Z */
    4096,
    3,
    {"HTTP/1.1", 8},
    NULL,
};

static void expect(int format, const catzilla_access_t *access, const char *line)
{
    char out[8192 + 1];
    size_t size = catzilla_accesslog_line(format, access, out, sizeof out - 1);
    assert_true(size < sizeof out);
    out[size] = '\0';
    assert_string_equal(out, line);
}

static void each_format_has_its_line(void **state)
{
    (void)state;
    expect(CATZILLA_ACCESSLOG_COMMON, &plain,
           "127.0.0.1 - - [31/Jan/2026:12:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 5120\n");
    expect(CATZILLA_ACCESSLOG_COMBINED, &plain,
           "127.0.0.1 - - [31/Jan/2026:12:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 5120 \"-\" "
           "\"-\"\n");
    expect(CATZILLA_ACCESSLOG_JSON, &plain,
           "{\"time\":\"2026-01-31T12:00:00.042Z\",\"peer\":\"127.0.0.1:50412\",\"method\":\"GET\","
           "\"target\":\"/a?b=c\",\"version\":\"HTTP/1.1\",\"status\":200,\"bytes\":5120,"
           "\"duration_us\":210,\"memory_peak\":4096,\"worker\":3}\n");
}

static void a_request_that_could_not_be_read_has_a_line(void **state)
{
    catzilla_access_t access = plain;
    (void)state;
    access.method = access.target = access.version = access.peer = CATZILLA_SLICE("");
    access.status = 400;
    expect(CATZILLA_ACCESSLOG_COMMON, &access,
           "- - - [31/Jan/2026:12:00:00 +0000] \"-\" 400 5120\n");
    expect(CATZILLA_ACCESSLOG_JSON, &access,
           "{\"time\":\"2026-01-31T12:00:00.042Z\",\"status\":400,\"bytes\":5120,"
           "\"duration_us\":210,\"memory_peak\":4096,\"worker\":3}\n");
}

static void peers_lose_their_port_and_brackets(void **state)
{
    static const char *const peers[][2] = {
        {"[2001:db8::1]:80", "2001:db8::1"}, {"unix", "unix"}, {"10.0.0.1:1", "10.0.0.1"}};
    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        catzilla_access_t access = plain;
        char out[8192];
        access.peer = catzilla_slice_of(peers[i][0]);
        catzilla_accesslog_line(CATZILLA_ACCESSLOG_COMMON, &access, out, sizeof out);
        size_t size = strlen(peers[i][1]);
        if (memcmp(out, peers[i][1], size) != 0 || out[size] != ' ')
            fail_msg("peer %s", peers[i][0]);
    }
}

static void what_a_client_sends_cannot_end_the_line(void **state)
{
    catzilla_access_t access = plain;
    (void)state;
    access.target = CATZILLA_SLICE("/\"\\\n\x1b\xc3\x7f");
    expect(CATZILLA_ACCESSLOG_COMMON, &access,
           "127.0.0.1 - - [31/Jan/2026:12:00:00 +0000] "
           "\"GET /\\\"\\\\\\x0a\\x1b\\xc3\\x7f HTTP/1.1\" 200 5120\n");
    access.peer = access.method = access.version = CATZILLA_SLICE("");
    expect(CATZILLA_ACCESSLOG_JSON, &access,
           "{\"time\":\"2026-01-31T12:00:00.042Z\","
           "\"target\":\"/\\\"\\\\\\u000a\\u001b\\u00c3\\u007f\",\"status\":200,\"bytes\":5120,"
           "\"duration_us\":210,\"memory_peak\":4096,\"worker\":3}\n");
}

/* One byte as it has to be written, one at a time. */
static size_t escape(unsigned char byte, const char *lead, char *out)
{
    if (byte == '"' || byte == '\\')
        return (size_t)sprintf(out, "\\%c", byte);
    if (byte < ' ' || byte > '~')
        return (size_t)sprintf(out, "%s%02x", lead, byte);
    return (size_t)sprintf(out, "%c", byte);
}

/* Targets are copied by words: every byte at every place of texts of every short size. */
static void every_byte_is_escaped_wherever_it_stands(void **state)
{
    char text[21], wanted[160], out[8192];
    catzilla_access_t access = plain;
    (void)state;
    for (size_t size = 1; size < sizeof text; size++)
        for (size_t place = 0; place < size; place++)
            for (unsigned byte = 0; byte < 256; byte++) {
                memset(text, 'x', size);
                text[place] = (char)byte;
                text[size - 1 - place / 2] = (char)(byte ^ 0x81);
                char *end = wanted + sprintf(wanted, "\"GET ");
                for (size_t i = 0; i < size; i++)
                    end += escape((unsigned char)text[i], "\\x", end);
                end += sprintf(end, " HTTP/1.1\" 200 5120\n");
                access.target = (catzilla_slice_t){text, size};
                size_t line =
                    catzilla_accesslog_line(CATZILLA_ACCESSLOG_COMMON, &access, out, sizeof out);
                size_t tail = (size_t)(end - wanted);
                assert_true(line > tail);
                assert_memory_equal(out + line - tail, wanted, tail);
            }
}

static void numbers_have_their_digits(void **state)
{
    const uint64_t numbers[] = {0,    1,    9,     10,    99,     100,        101,        999,
                                1000, 1001, 10000, 99999, 100000, UINT32_MAX, UINT64_MAX, 500};
    catzilla_access_t access = plain;
    char wanted[32], out[8192];
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        access.body_bytes = numbers[i];
        size_t tail = (size_t)sprintf(wanted, " 200 %" PRIu64 "\n", numbers[i]);
        size_t line = catzilla_accesslog_line(CATZILLA_ACCESSLOG_COMMON, &access, out, sizeof out);
        assert_true(line > tail);
        assert_memory_equal(out + line - tail, wanted, tail);
    }
}

static void the_longest_line_fits(void **state)
{
    static char bytes[65536];
    catzilla_access_t access = plain;
    char out[8192];
    (void)state;
    memset(bytes, 1, sizeof bytes);
    access.peer = access.method = access.target = access.version =
        (catzilla_slice_t){bytes, sizeof bytes};
    access.body_bytes = access.duration_ns = access.memory_peak = UINT64_MAX;
    access.worker = UINT32_MAX;
    for (int format = CATZILLA_ACCESSLOG_COMMON; format <= CATZILLA_ACCESSLOG_JSON; format++) {
        size_t size = catzilla_accesslog_line(format, &access, out, sizeof out);
        /* The two header values are missing, at six and four bytes for each of theirs. */
        assert_in_range(size, 1, sizeof out - (format == CATZILLA_ACCESSLOG_JSON ? 2430 : 3080));
        assert_int_equal(out[size - 1], '\n');
        assert_int_equal(catzilla_accesslog_line(format, &access, out, sizeof out - 1), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_has_its_line),
        cmocka_unit_test(a_request_that_could_not_be_read_has_a_line),
        cmocka_unit_test(peers_lose_their_port_and_brackets),
        cmocka_unit_test(what_a_client_sends_cannot_end_the_line),
        cmocka_unit_test(every_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(numbers_have_their_digits),
        cmocka_unit_test(the_longest_line_fits),
    };
    return cmocka_run_group_tests_name("accessline", tests, NULL, NULL);
}
