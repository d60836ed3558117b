/*
 * The header of the PROXY protocol, and the ranges of addresses that may send one. The input's
 * bytes are both: a header with what follows it, and the text of a range up to the first NUL.
 */
#include "server/peer.h"
#include "server/proxy.h"

#include "fuzz.h"

enum { LONGEST = 4096, PREFIXES = 300 };

static cz_proxy_result_t read_prefix(const uint8_t *data, size_t size, cz_proxy_header_t *out)
{
    char *exact = fuzz_copy(data, size);
    cz_proxy_result_t result = cz_proxy_read(exact, size, out);
    free(exact);
    return result;
}

static void check_source(const cz_proxy_header_t *header)
{
    char text[CZ_PEER_SIZE];
    int family = header->source.ss_family;
    FUZZ_CHECK(family == AF_UNSPEC || family == AF_INET || family == AF_INET6);
    size_t size = cz_peer_write((const struct sockaddr *)&header->source, text);
    FUZZ_CHECK(size < sizeof text);
    FUZZ_CHECK((size == 0) == (family == AF_UNSPEC));
}

/* What is said of the bytes is not said otherwise of fewer of them, only later. */
static void check_prefixes(const uint8_t *data, size_t size)
{
    cz_proxy_header_t header;
    size_t decided = 0;
    cz_proxy_result_t result = read_prefix(data, size, &header);
    for (size_t i = 1; i <= size; i++) {
        cz_proxy_header_t some;
        cz_proxy_result_t now = read_prefix(data, i, &some);
        if (now == CZ_PROXY_MORE) {
            FUZZ_CHECK(decided == 0);
            continue;
        }
        decided = decided == 0 ? i : decided;
        FUZZ_CHECK(now == result);
        FUZZ_CHECK(now != CZ_PROXY_DONE || some.size == header.size);
    }
    FUZZ_CHECK(result != CZ_PROXY_DONE || decided == header.size);
}

static void check_range(const uint8_t *data, size_t size, const cz_proxy_header_t *header)
{
    static const struct sockaddr local = {.sa_family = AF_UNIX};
    cz_trusted_t trusted;
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)data[i];
    text[size] = '\0';
    if (cz_trusted_read(text, &trusted)) {
        FUZZ_CHECK(trusted.bits <= (trusted.family == AF_INET ? 32 : 128));
        FUZZ_CHECK(cz_trusted_has(&trusted, &local) == (trusted.family == AF_UNIX));
        cz_trusted_has(&trusted, (const struct sockaddr *)&header->source);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cz_proxy_header_t header;
    memset(&header, 0, sizeof header);
    if (size > 0) {
        cz_proxy_result_t result = read_prefix(data, size, &header);
        FUZZ_CHECK(result != CZ_PROXY_MORE || size < LONGEST);
        if (result == CZ_PROXY_DONE) {
            FUZZ_CHECK(header.size <= size && header.size <= LONGEST);
            check_source(&header);
        }
        check_prefixes(data, size < PREFIXES ? size : PREFIXES);
    }
    check_range(data, size, &header);
    return 0;
}
