/* Query, forms and cookies: what is told apart, decoded and refused. */
#include "http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cz_limits_t limits = {.max_target_bytes = 65536,
                             .max_header_bytes = 65536,
                             .max_headers = 32,
                             .max_body_bytes = 1u << 20,
                             .max_extension_bytes = 64,
                             .max_memory = 1u << 20};
static cz_pool_t pool;
static char *bytes;

/* A request read from `text`, as a connection would. */
static catzilla_request_t *read_request(const char *text)
{
    size_t used, size = strlen(text);
    bytes = malloc(size);
    assert_non_null(bytes);
    memcpy(bytes, text, size);
    cz_pool_init(&pool, catzilla_request_alloc, catzilla_request_free, 0);
    catzilla_request_t *request = cz_request_create(&pool, &limits, bytes, NULL, NULL);
    assert_non_null(request);
    cz_parse_result_t result = cz_parser_feed(&request->message, bytes, size, &used);
    if (result == CZ_PARSE_HEAD)
        result = cz_parser_feed(&request->message, bytes + used, size - used, &used);
    assert_int_equal(result, CZ_PARSE_DONE);
    return request;
}

static void forget(catzilla_request_t *request)
{
    cz_request_destroy(request);
    free(bytes);
}

static void expect(catzilla_slice_t slice, const char *wanted)
{
    if (!catzilla_slice_equal(slice, catzilla_slice_of(wanted)) ||
        (slice.data == NULL) != (wanted == NULL))
        fail_msg("\"%.*s\" where \"%s\" was wanted", (int)slice.size, slice.data, wanted);
}

static void query_values_are_decoded(void **state)
{
    (void)state;
    catzilla_request_t *request = read_request(
        "GET /?a=1&b=two+words&c=%C3%A9%2b&a=2&empty=&flag&=noname&%61%20=x&bad=%zz%4&&e=1=2 "
        "HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(catzilla_request_query_value(request, "a"), "1");
    expect(catzilla_request_query_value(request, "b"), "two words");
    expect(catzilla_request_query_value(request, "c"), "\xc3\xa9+");
    expect(catzilla_request_query_value(request, "empty"), "");
    expect(catzilla_request_query_value(request, "flag"), "");
    expect(catzilla_request_query_value(request, ""), "noname");
    expect(catzilla_request_query_value(request, "a "), "x");
    expect(catzilla_request_query_value(request, "bad"), "%zz%4");
    expect(catzilla_request_query_value(request, "e"), "1=2");
    expect(catzilla_request_query_value(request, "none"), NULL);
    expect(catzilla_request_query_value(request, "A"), NULL);
    assert_int_equal(catzilla_request_query_count(request), 10);
    catzilla_slice_t name, value;
    assert_int_equal(catzilla_request_query_at(request, 3, &name, &value), 0);
    expect(name, "a");
    expect(value, "2");
    assert_int_equal(catzilla_request_query_at(request, 10, &name, &value), CATZILLA_ERR_INVALID);
    expect(name, NULL);
    forget(request);
}

static void no_query_has_no_values(void **state)
{
    (void)state;
    catzilla_request_t *request = read_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(catzilla_request_query_value(request, "a"), NULL);
    assert_int_equal(catzilla_request_query_count(request), 0);
    assert_int_equal(catzilla_request_cookie_count(request), 0);
    assert_int_equal(catzilla_request_form_count(request), 0);
    forget(request);
}

static void too_many_values_are_none(void **state)
{
    char text[8192] = "GET /?";
    size_t size = strlen(text);
    (void)state;
    for (int i = 0; i < CZ_PAIRS_MAX + 1; i++)
        size += (size_t)sprintf(text + size, "a=%d&", i % 10);
    text[size - 1] = '\0';
    strcat(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
    catzilla_request_t *request = read_request(text);
    assert_int_equal(catzilla_request_query_count(request), CATZILLA_ERR_LIMIT);
    expect(catzilla_request_query_value(request, "a"), NULL);
    assert_int_equal(catzilla_request_query_at(request, 0, NULL, NULL), CATZILLA_ERR_LIMIT);
    forget(request);
}

static void forms_are_what_says_so(void **state)
{
    (void)state;
    catzilla_request_t *request = read_request(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n"
        "Content-Type: Application/X-WWW-form-urlencoded; charset=utf-8\r\n\r\na=b+c&d=%26&e");
    expect(catzilla_request_form_value(request, "a"), "b c");
    expect(catzilla_request_form_value(request, "d"), "&");
    expect(catzilla_request_form_value(request, "e"), "");
    assert_int_equal(catzilla_request_form_count(request), 3);
    forget(request);
    request = read_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                           "Content-Type: text/plain\r\n\r\na=b");
    expect(catzilla_request_form_value(request, "a"), NULL);
    forget(request);
}

static void cookies_of_all_fields_are_found(void **state)
{
    (void)state;
    catzilla_request_t *request =
        read_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=x=y;c = d ; junk; a=2\r\n"
                     "cookie: e=\"f\"; g=%20+\r\n\r\n");
    expect(catzilla_request_cookie(request, "a"), "1");
    expect(catzilla_request_cookie(request, "b"), "x=y");
    expect(catzilla_request_cookie(request, "c"), "d");
    expect(catzilla_request_cookie(request, "e"), "\"f\"");
    expect(catzilla_request_cookie(request, "g"), "%20+");
    expect(catzilla_request_cookie(request, "junk"), NULL);
    assert_int_equal(catzilla_request_cookie_count(request), 6);
    catzilla_slice_t value;
    assert_int_equal(catzilla_request_cookie_at(request, 3, NULL, &value), 0);
    expect(value, "2");
    forget(request);
}

int main(void)
{
    cz_parser_prepare(&limits);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_values_are_decoded),        cmocka_unit_test(no_query_has_no_values),
        cmocka_unit_test(too_many_values_are_none),        cmocka_unit_test(forms_are_what_says_so),
        cmocka_unit_test(cookies_of_all_fields_are_found),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
