/* JSON bodies in and out, in memory that ends with the request. */
#include "host.h"

#include <catzilla/json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Answers with the sum of the numbers in "values", and whether the reading failed. */
static int sum(catzilla_request_t *request, catzilla_response_t *response, void *user_data)
{
    yyjson_doc *document;
    yyjson_val *value;
    size_t index, count;
    int64_t total = 0;
    (void)user_data;
    int rc = catzilla_request_json(request, &document);
    if (rc == CATZILLA_ERR_SYNTAX) {
        catzilla_response_status(response, 400);
        return catzilla_response_body(response, CATZILLA_SLICE("no JSON"));
    }
    if (rc == CATZILLA_ERR_NOMEM) {
        catzilla_response_status(response, 413);
        return catzilla_response_body(response, CATZILLA_SLICE("too much"));
    }
    yyjson_val *values = yyjson_obj_get(yyjson_doc_get_root(document), "values");
    yyjson_arr_foreach(values, index, count, value) total += yyjson_get_sint(value);
    yyjson_alc allocator = catzilla_json_allocator(catzilla_request_region(request));
    yyjson_mut_doc *reply = yyjson_mut_doc_new(&allocator);
    yyjson_mut_val *root = yyjson_mut_obj(reply);
    yyjson_mut_doc_set_root(reply, root);
    yyjson_mut_obj_add_sint(reply, root, "sum", total);
    yyjson_mut_obj_add_str(reply, root, "quoted", "a\"b\n");
    return catzilla_response_json(request, response, reply);
}

static host_t host;

static int begin(void **state)
{
    catzilla_server_options_t options = CATZILLA_SERVER_OPTIONS_INIT;
    (void)state;
    options.max_request_memory = 256u << 10;
    host_create(&host, &options);
    catzilla_server_route(host.server, "POST", "/sum", sum, NULL);
    host_start(&host);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return host_end(&host);
}

static void expect(const char *body, const char *status, const char *wanted)
{
    size_t size = strlen(body), reply_size;
    char *request = malloc(size + 200);
    assert_non_null(request);
    int head =
        sprintf(request, "POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
    memcpy(request + head, body, size);
    char *reply = client_exchange(host.port, request, (size_t)head + size, 0, &reply_size);
    assert_memory_equal(reply + 9, status, 3);
    const char *text = strstr(reply, "\r\n\r\n");
    assert_non_null(text);
    assert_string_equal(text + 4, wanted);
    free(reply);
    free(request);
}

static void a_document_is_read_and_another_written(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        expect("{\"values\":[1,2,-5,40]}", "200", "{\"sum\":38,\"quoted\":\"a\\\"b\\n\"}");
}

static void what_is_no_json_is_told(void **state)
{
    static const char *const body[] = {"", "{", "[1,]", "{\"a\":1}x", "nul", "\"\xff\"", "01"};
    (void)state;
    for (size_t i = 0; i < sizeof body / sizeof *body; i++)
        expect(body[i], "400", "no JSON");
}

static void a_deep_document_is_read_without_a_stack(void **state)
{
    char body[2001];
    (void)state;
    memset(body, '[', 1000);
    memset(body + 1000, ']', 1000);
    body[2000] = '\0';
    expect(body, "200", "{\"sum\":0,\"quoted\":\"a\\\"b\\n\"}");
}

static void a_document_past_the_limit_is_told(void **state)
{
    const size_t size = 100001;
    char *body = malloc(size + 1);
    (void)state;
    assert_non_null(body);
    body[0] = '[';
    for (size_t i = 1; i + 2 < size; i += 2)
        memcpy(body + i, "1,", 2);
    memcpy(body + size - 2, "1]", 3);
    expect(body, "413", "too much");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_and_another_written),
        cmocka_unit_test(what_is_no_json_is_told),
        cmocka_unit_test(a_deep_document_is_read_without_a_stack),
        cmocka_unit_test(a_document_past_the_limit_is_told),
    };
    return cmocka_run_group_tests_name("json", tests, begin, end);
}
