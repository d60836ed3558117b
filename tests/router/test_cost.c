/* What a lookup costs, counted and not timed: it grows with the path, not with the number of
 * routes. */
#include "router/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What finding a route takes: steps from node to node, and places of the table that are looked at.
 */
typedef struct cost {
    size_t steps; /* for each route the same */
    size_t places;
    size_t most_places; /* for one segment of text */
} cost_t;

static size_t lines(const char *story)
{
    size_t count = 0;
    for (; *story != '\0'; story++)
        count += *story == '\n';
    return count;
}

static catzilla_router_t *router_of(uint32_t routes)
{
    catzilla_router_t *router;
    char text[64];
    assert_int_equal(catzilla_router_create(&router), 0);
    for (uint32_t i = 0; i < routes; i++) {
        snprintf(text, sizeof text, "/api/v%u/item%u/{id}", i % 7, i);
        assert_int_equal(catzilla_router_add(router, "GET", text, router), 0);
    }
    return router;
}

static cost_t cost_of(uint32_t routes)
{
    catzilla_router_t *router = router_of(routes);
    cost_t cost = {0, 0, 0};
    for (uint32_t i = 0; i < routes; i++) {
        char text[64], story[256];
        snprintf(text, sizeof text, "/api/v%u/item%u/42", i % 7, i);
        catzilla_router_explain(router, "GET", text, story, sizeof story);
        assert_non_null(strstr(story, "found"));
        assert_true(i == 0 || lines(story) == cost.steps);
        cost.steps = lines(story);
    }
    for (uint32_t at = 0; at <= router->edge_mask; at++) {
        const cz_edge_t *edge = &router->edges[at];
        size_t places = edge->child == 0 ? 0 : ((at - edge->hash) & router->edge_mask) + 1;
        cost.places += places;
        cost.most_places = places > cost.most_places ? places : cost.most_places;
    }
    print_message("%u routes: %zu steps a lookup, %.2f places a segment, at most %zu\n", routes,
                  cost.steps, (double)cost.places / router->edge_count, cost.most_places);
    assert_true(cost.places < 2 * (size_t)router->edge_count);
    catzilla_router_destroy(router);
    return cost;
}

/* A table that is at most half full is looked at in one or two places. */
static void the_number_of_routes_does_not_matter(void **state)
{
    (void)state;
    cost_t few = cost_of(10), many = cost_of(1000), most = cost_of(100000);
    assert_int_equal(few.steps, 5);
    assert_int_equal(many.steps, 5);
    assert_int_equal(most.steps, 5);
    assert_true(most.most_places <= 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_number_of_routes_does_not_matter)};
    return cmocka_run_group_tests_name("cost of a lookup", tests, NULL, NULL);
}
