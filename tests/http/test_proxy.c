/* PROXY headers of both versions, whole, cut short and malformed; and who is trusted. */
#include "server/peer.h"
#include "server/proxy.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

typedef struct header {
    const char *data;
    size_t size;
    const char *peer; /* "" where the proxy speaks for itself */
} header_t;

#define HEADER(literal, peer)                                                                      \
    {                                                                                              \
        literal, sizeof(literal) - 1, peer                                                         \
    }

static const header_t good[] = {
    HEADER("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1:56324"),
    HEADER("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0"),
    HEADER("PROXY TCP6 2001:db8::1 ::1 65535 1\r\n", "[2001:db8::1]:65535"),
    HEADER("PROXY UNKNOWN\r\n", ""),
    HEADER("PROXY UNKNOWN ffff::1 anything at all\r\n", ""),
    HEADER(SIGNATURE "\x20\x00\x00\x00", ""),
    HEADER(SIGNATURE "\x20\x11\x00\x02xx", ""),
    HEADER(SIGNATURE "\x21\x00\x00\x00", ""),
    HEADER(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb",
           "192.0.2.1:56324"),
    HEADER(SIGNATURE "\x21\x11\x00\x0f\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb\x04\x00\x00",
           "192.0.2.1:56324"),
    HEADER(SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xff\xff\x00\x50",
           "[2001:db8::1]:65535"),
};

static const header_t bad[] = {
    HEADER("GET / HTTP/1.1\r\n", NULL),
    HEADER("PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", NULL),
    HEADER("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n", NULL),
    HEADER("PROXY TCP4 ::1 1.2.3.4 1 1\r\n", NULL),
    HEADER("PROXY TCP6 1.2.3.4 ::1 1 1\r\n", NULL),
    HEADER("PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n", NULL),
    HEADER("PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n", NULL),
    HEADER("PROXY UNKNOWNS\r\n", NULL),
    HEADER("PROXY\r\n", NULL),
    HEADER("\r\n\r\n\0\r\nQUIX\n", NULL),
    HEADER(SIGNATURE "\x11\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", NULL),
    HEADER(SIGNATURE "\x22\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", NULL),
    HEADER(SIGNATURE "\x21\x12\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb", NULL),
    HEADER(SIGNATURE "\x21\x11\x00\x0b\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01", NULL),
    HEADER(SIGNATURE "\x21\x11\xff\xff", NULL),
};

static void a_header_tells_the_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char data[256], peer[CZ_PEER_SIZE + 1];
        cz_proxy_header_t header;
        memcpy(data, good[i].data, good[i].size);
        memcpy(data + good[i].size, "GET", 3);
        if (cz_proxy_read(data, good[i].size + 3, &header) != CZ_PROXY_DONE)
            fail_msg("header %zu was refused", i);
        assert_int_equal(header.size, good[i].size);
        uint8_t size = cz_peer_write((const struct sockaddr *)&header.source, peer);
        peer[size] = '\0';
        assert_string_equal(peer, good[i].peer);
    }
}

static void a_part_of_a_header_wants_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t size = 1; size < good[i].size; size++) {
            cz_proxy_header_t header;
            if (cz_proxy_read(good[i].data, size, &header) != CZ_PROXY_MORE)
                fail_msg("header %zu, %zu bytes", i, size);
        }
    }
}

static void anything_else_is_refused(void **state)
{
    char longest[108];
    cz_proxy_header_t header;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (cz_proxy_read(bad[i].data, bad[i].size, &header) != CZ_PROXY_REFUSED)
            fail_msg("header %zu was accepted", i);
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "PROXY UNKNOWN ", 14);
    assert_int_equal(cz_proxy_read(longest, 106, &header), CZ_PROXY_MORE);
    assert_int_equal(cz_proxy_read(longest, 107, &header), CZ_PROXY_REFUSED);
    memcpy(longest + 105, "\r\n", 2);
    assert_int_equal(cz_proxy_read(longest, 108, &header), CZ_PROXY_DONE);
}

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address;
    struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    memset(&address, 0, sizeof address);
    if (strcmp(text, "unix") == 0)
        address.ss_family = AF_UNIX;
    else if (inet_pton(AF_INET, text, &in4->sin_addr) == 1)
        address.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
        address.ss_family = AF_INET6;
    return address;
}

static void ranges_hold_what_they_say(void **state)
{
    static const struct {
        const char *range, *in, *out;
    } rows[] = {
        {"10.0.0.1", "10.0.0.1", "10.0.0.2"},
        {"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
        {"10.0.0.0/9", "10.127.0.1", "10.128.0.0"},
        {"0.0.0.0/0", "255.1.1.1", "::1"},
        {"::1", "::1", "::2"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"::/0", "ffff::1", "1.2.3.4"},
        {"unix", "unix", "127.0.0.1"},
        {"127.0.0.1", "::ffff:127.0.0.1", "::1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_storage in = address_of(rows[i].in), out = address_of(rows[i].out);
        cz_trusted_t trusted;
        if (!cz_trusted_read(rows[i].range, &trusted) ||
            !cz_trusted_has(&trusted, (const struct sockaddr *)&in) ||
            cz_trusted_has(&trusted, (const struct sockaddr *)&out))
            fail_msg("range %s", rows[i].range);
    }
}

static void what_is_no_range_is_refused(void **state)
{
    static const char *const texts[] = {
        "",         "localhost",   "10.0.0.0/33", "::/129",       "10.0.0.0/",
        "10.0.0/8", "10.0.0.0/8x", "10.0.0.0/-1", "10.0.0.0/0008"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cz_trusted_t trusted;
        if (cz_trusted_read(texts[i], &trusted))
            fail_msg("\"%s\" was accepted", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_tells_the_client),
        cmocka_unit_test(a_part_of_a_header_wants_more),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(ranges_hold_what_they_say),
        cmocka_unit_test(what_is_no_range_is_refused),
    };
    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
