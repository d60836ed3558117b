/* Lookups: what wins, what is refused, and what is said about it. */
#include <catzilla/memory.h>
#include <catzilla/router.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void add(catzilla_router_t *router, const char *method, const char *pattern)
{
    int rc = catzilla_router_add(router, method, pattern, (void *)pattern);
    if (rc != 0)
        fail_msg("%s %s: %s", method, pattern, catzilla_router_trouble(router));
}

/* The pattern that a path leads to; "404" or "405" where there is none. */
static const char *find(const catzilla_router_t *router, const char *method, const char *path)
{
    catzilla_router_match_t match;
    switch (catzilla_router_lookup(router, catzilla_slice_of(method), catzilla_slice_of(path),
                                   &match)) {
    case CATZILLA_ROUTER_FOUND:
        return match.value;
    case CATZILLA_ROUTER_NO_METHOD:
        return "405";
    default:
        return "404";
    }
}

static void precedence_does_not_depend_on_the_order(void **state)
{
    static const char *const pattern[] = {"/a/b",    "/a/{x:int}", "/a/{x:alpha}", "/a/{x}",
                                          "/a/{x*}", "/{y}/b",     "/{y}/{z}/c",   "/a/{x:int}/d"};
    static const struct {
        const char *path, *found;
    } row[] = {
        {"/a/b", "/a/b"},
        {"/a/7", "/a/{x:int}"},
        {"/a/bc", "/a/{x:alpha}"},
        {"/a/b-c", "/a/{x}"},
        {"/a/b/c", "/a/{x*}"},
        {"/a/", "/a/{x*}"},
        {"/q/b", "/{y}/b"},
        {"/q/w/c", "/{y}/{z}/c"},
        {"/a/7/d", "/a/{x:int}/d"},
        {"/a/8/e", "/a/{x*}"},
        {"/a", "404"},
        {"/q/w/d", "404"},
        {"/", "404"},
        {"", "404"},
        {"a/b", "404"},
        {"/a/b/", "/a/{x*}"},
    };
    const size_t count = sizeof pattern / sizeof *pattern;
    (void)state;
    /* Every rotation of the order, forwards and backwards. */
    for (size_t order = 0; order < 2 * count; order++) {
        catzilla_router_t *router;
        assert_int_equal(catzilla_router_create(&router), 0);
        for (size_t i = 0; i < count; i++) {
            size_t at = (i + order) % count;
            add(router, "GET", pattern[order < count ? at : count - 1 - at]);
        }
        for (size_t i = 0; i < sizeof row / sizeof *row; i++)
            if (strcmp(find(router, "GET", row[i].path), row[i].found) != 0)
                fail_msg("order %zu: %s leads to %s", order, row[i].path,
                         find(router, "GET", row[i].path));
        catzilla_router_destroy(router);
    }
}

static void parameters_have_their_own_names_per_route(void **state)
{
    catzilla_router_t *router;
    catzilla_router_match_t match;
    (void)state;
    assert_int_equal(catzilla_router_create(&router), 0);
    add(router, "GET", "/users/{id}/posts/{post:uint}");
    add(router, "PUT", "/users/{name}/posts/{number:uint}");
    add(router, "GET", "/files/{path*}");
    assert_int_equal(catzilla_router_lookup(router, CATZILLA_SLICE("PUT"),
                                            CATZILLA_SLICE("/users/jo/posts/12"), &match),
                     CATZILLA_ROUTER_FOUND);
    assert_int_equal(match.param_count, 2);
    assert_true(catzilla_slice_equal(match.params[0].name, CATZILLA_SLICE("name")));
    assert_true(catzilla_slice_equal(match.params[0].value, CATZILLA_SLICE("jo")));
    assert_true(catzilla_slice_equal(match.params[1].name, CATZILLA_SLICE("number")));
    assert_true(catzilla_slice_equal(match.params[1].value, CATZILLA_SLICE("12")));
    assert_int_equal(
        catzilla_router_lookup(router, CATZILLA_SLICE("GET"), CATZILLA_SLICE("/files/a/b"), &match),
        CATZILLA_ROUTER_FOUND);
    assert_true(catzilla_slice_equal(match.params[0].value, CATZILLA_SLICE("a/b")));
    catzilla_router_destroy(router);
}

static void a_method_that_lacks_is_told_from_a_path_that_lacks(void **state)
{
    catzilla_router_t *router;
    catzilla_router_match_t match;
    (void)state;
    assert_int_equal(catzilla_router_create(&router), 0);
    assert_string_equal(find(router, "GET", "/a"), "404");
    add(router, "POST", "/a");
    add(router, "GET", "/a");
    add(router, "REPORT", "/{any}");
    assert_string_equal(find(router, "HEAD", "/a"), "/a");
    assert_string_equal(find(router, "REPORT", "/a"), "/{any}");
    assert_string_equal(find(router, "DELETE", "/b/c"), "404");
    assert_int_equal(
        catzilla_router_lookup(router, CATZILLA_SLICE("DELETE"), CATZILLA_SLICE("/a"), &match),
        CATZILLA_ROUTER_NO_METHOD);
    assert_true(
        catzilla_slice_equal(match.allow, CATZILLA_SLICE("GET, HEAD, POST, OPTIONS, REPORT")));
    catzilla_router_destroy(router);
}

static void head_has_a_route_of_its_own_where_it_wants(void **state)
{
    catzilla_router_t *router;
    int get, head;
    catzilla_router_match_t match;
    (void)state;
    assert_int_equal(catzilla_router_create(&router), 0);
    assert_int_equal(catzilla_router_add(router, "HEAD", "/a", &head), 0);
    assert_int_equal(catzilla_router_add(router, "GET", "/a", &get), 0);
    catzilla_router_lookup(router, CATZILLA_SLICE("HEAD"), CATZILLA_SLICE("/a"), &match);
    assert_ptr_equal(match.value, &head);
    catzilla_router_lookup(router, CATZILLA_SLICE("GET"), CATZILLA_SLICE("/a"), &match);
    assert_ptr_equal(match.value, &get);
    catzilla_router_destroy(router);
}

static void conflicts_name_both_patterns(void **state)
{
    catzilla_router_t *router;
    (void)state;
    assert_int_equal(catzilla_router_create(&router), 0);
    add(router, "GET", "/users/{id}");
    add(router, "GET", "/users/{id:int}");
    add(router, "GET", "/files/{rest*}");
    assert_int_equal(catzilla_router_add(router, "GET", "/users/{name}", NULL),
                     CATZILLA_ERR_CONFLICT);
    assert_string_equal(catzilla_router_trouble(router),
                        "GET /users/{name} conflicts with /users/{id}");
    assert_int_equal(catzilla_router_add(router, "GET", "/files/{path*}", NULL),
                     CATZILLA_ERR_CONFLICT);
    assert_int_equal(catzilla_router_add(router, "GET", "/a/{", NULL), CATZILLA_ERR_PATTERN);
    assert_non_null(strstr(catzilla_router_trouble(router), "/a/{: "));
    assert_int_equal(catzilla_router_add(router, "G ET", "/a", NULL), CATZILLA_ERR_INVALID);
    assert_int_equal(catzilla_router_add(router, "", "/a", NULL), CATZILLA_ERR_INVALID);
    add(router, "POST", "/users/{name}");
    assert_string_equal(catzilla_router_trouble(router), "");
    assert_int_equal(catzilla_router_count(router), 4);
    catzilla_router_destroy(router);
}

static void methods_have_a_limit_that_is_told(void **state)
{
    catzilla_router_t *router;
    char method[] = "M00";
    int rc = 0;
    (void)state;
    assert_int_equal(catzilla_router_create(&router), 0);
    for (int i = 0; i < 100 && rc == 0; i++) {
        method[1] = (char)('0' + i / 10);
        method[2] = (char)('0' + i % 10);
        rc = catzilla_router_add(router, method, "/", NULL);
    }
    assert_int_equal(rc, CATZILLA_ERR_LIMIT);
    assert_non_null(strstr(catzilla_router_trouble(router), method));
    catzilla_router_destroy(router);
}

static void routes_are_listed_found_and_explained(void **state)
{
    catzilla_router_t *router;
    catzilla_slice_t method, pattern;
    char story[512];
    void *value;
    (void)state;
    assert_int_equal(catzilla_router_create(&router), 0);
    add(router, "GET", "/a/{x:int}/c");
    add(router, "POST", "/a/{x}/d");
    assert_int_equal(catzilla_router_at(router, 1, &method, &pattern, &value), 0);
    assert_true(catzilla_slice_equal(method, CATZILLA_SLICE("POST")));
    assert_true(catzilla_slice_equal(pattern, CATZILLA_SLICE("/a/{x}/d")));
    assert_string_equal(value, "/a/{x}/d");
    assert_int_equal(catzilla_router_at(router, 2, &method, NULL, NULL), CATZILLA_ERR_INVALID);
    assert_null(method.data);
    assert_true(catzilla_router_has(router, "GET", "/a/{x:int}/c"));
    assert_false(catzilla_router_has(router, "GET", "/a/{y:int}/c"));
    assert_false(catzilla_router_has(router, "PUT", "/a/{x:int}/c"));
    assert_false(catzilla_router_has(router, "GET", "/a"));
    size_t size = catzilla_router_explain(router, "POST", "/a/7/d", story, sizeof story);
    assert_int_equal(size, strlen(story));
    assert_string_equal(story, "text \"a\"\n"
                               "int \"7\"\n"
                               "back from \"7\"\n"
                               "parameter takes \"7\"\n"
                               "text \"d\"\n"
                               "found \"/a/{x}/d\"\n");
    assert_int_equal(catzilla_router_explain(router, "POST", "/a/7/d", NULL, 0), size);
    assert_int_equal(catzilla_router_explain(router, "POST", "/a/7/d", story, 8), size);
    assert_string_equal(story, "text \"a");
    catzilla_router_destroy(router);
}

/* Wherever memory ends, the route is not there, and can be added once there is some. */
static void a_route_that_memory_refuses_is_not_listed(void **state)
{
    static const char pattern[] = "/one/{two:int}/three/{four}";
    unsigned refused = 0;
    (void)state;
    for (size_t room = 0; room < 8192; room += 32) {
        catzilla_router_t *router;
        catzilla_memory_stats_t stats;
        assert_int_equal(catzilla_router_create(&router), 0);
        add(router, "GET", "/");
        catzilla_memory_get_stats(&stats);
        catzilla_memory_set_budget(CATZILLA_MEMORY_STATIC, stats.static_arena_usage + room);
        int rc = catzilla_router_add(router, "PUT", pattern, router);
        catzilla_memory_set_budget(CATZILLA_MEMORY_STATIC, SIZE_MAX);
        if (rc != 0) {
            refused++;
            assert_int_equal(rc, CATZILLA_ERR_NOMEM);
            assert_int_equal(catzilla_router_count(router), 1);
            assert_false(catzilla_router_has(router, "PUT", pattern));
            assert_string_equal(find(router, "PUT", "/one/2/three/4"), "404");
            assert_int_equal(catzilla_router_add(router, "PUT", pattern, (void *)pattern), 0);
        }
        assert_int_equal(catzilla_router_count(router), 2);
        catzilla_router_destroy(router);
    }
    assert_in_range(refused, 2, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence_does_not_depend_on_the_order),
        cmocka_unit_test(parameters_have_their_own_names_per_route),
        cmocka_unit_test(a_method_that_lacks_is_told_from_a_path_that_lacks),
        cmocka_unit_test(head_has_a_route_of_its_own_where_it_wants),
        cmocka_unit_test(conflicts_name_both_patterns),
        cmocka_unit_test(methods_have_a_limit_that_is_told),
        cmocka_unit_test(routes_are_listed_found_and_explained),
        cmocka_unit_test(a_route_that_memory_refuses_is_not_listed),
    };
    return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
