/*
 * Patterns and a lookup. Lines of input are patterns, the last one a path; the answer must be that
 * of the plainest router there is, which compares every pattern with the path.
 */
#include "router/pattern.h"

#include <catzilla/router.h>

#include "fuzz.h"

enum { MOST = 24 };

typedef struct rule {
    char *pattern;
    cz_segment_t segments[CZ_PATTERN_MAX_SEGMENTS];
    size_t count;
} rule_t;

/* Whether the pattern fits the path, which begins with a slash. */
static bool fits(const rule_t *rule, catzilla_slice_t path)
{
    path.data++;
    path.size--;
    for (size_t i = 0;; i++) {
        const cz_segment_t *segment = &rule->segments[i];
        if (i == rule->count)
            return false;
        if (segment->kind == CZ_SEGMENT_REST)
            return true;
        bool last = path.size == 0 || memchr(path.data, '/', path.size) == NULL;
        catzilla_slice_t part = fuzz_part(&path, '/');
        if (segment->kind == CZ_SEGMENT_TEXT ? !catzilla_slice_equal(segment->text, part)
                                             : !cz_param_accepts(segment->type, part))
            return false;
        if (last)
            return i + 1 == rule->count;
    }
}

/* Whether `a` goes before `b`: the first segment in which they differ decides. */
static bool precedes(const rule_t *a, const rule_t *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->segments[i].kind != b->segments[i].kind)
            return a->segments[i].kind < b->segments[i].kind;
        if (a->segments[i].kind == CZ_SEGMENT_PARAM && a->segments[i].type != b->segments[i].type)
            return a->segments[i].type < b->segments[i].type;
    }
    return false;
}

static void check_params(const rule_t *rule, const catzilla_router_match_t *match,
                         catzilla_slice_t path)
{
    size_t count = 0;
    for (size_t i = 0; i < rule->count; i++)
        count += rule->segments[i].kind != CZ_SEGMENT_TEXT;
    FUZZ_CHECK(match->param_count == count);
    for (size_t i = 0; i < count; i++) {
        catzilla_slice_t value = match->params[i].value;
        FUZZ_CHECK(value.data >= path.data && value.size <= path.size);
        FUZZ_CHECK(value.data + value.size <= path.data + path.size);
    }
}

static void look_up(const catzilla_router_t *router, const rule_t *rules, size_t count,
                    catzilla_slice_t path)
{
    catzilla_router_match_t match;
    const rule_t *best = NULL;
    for (size_t i = 0; i < count && path.size > 0 && path.data[0] == '/'; i++)
        if (fits(&rules[i], path) && (best == NULL || precedes(&rules[i], best)))
            best = &rules[i];
    catzilla_router_result_t result =
        catzilla_router_lookup(router, CATZILLA_SLICE("GET"), path, &match);
    FUZZ_CHECK(result == (best == NULL ? CATZILLA_ROUTER_NO_PATH : CATZILLA_ROUTER_FOUND));
    if (best != NULL) {
        FUZZ_CHECK(match.value == best->pattern);
        check_params(best, &match, path);
    }
    result = catzilla_router_lookup(router, CATZILLA_SLICE("BREW"), path, &match);
    FUZZ_CHECK(result == (best == NULL ? CATZILLA_ROUTER_NO_PATH : CATZILLA_ROUTER_NO_METHOD));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rule_t rules[MOST];
    catzilla_router_t *router;
    catzilla_slice_t rest = {(const char *)data, size};
    size_t count = 0;
    FUZZ_CHECK(catzilla_router_create(&router) == 0);
    while (count < MOST && rest.size > 0 && memchr(rest.data, '\n', rest.size) != NULL) {
        const char *trouble;
        catzilla_slice_t line = fuzz_part(&rest, '\n');
        rule_t *rule = &rules[count];
        rule->pattern = calloc(1, line.size + 1);
        FUZZ_CHECK(rule->pattern != NULL);
        memcpy(rule->pattern, line.data, line.size);
        catzilla_slice_t text = catzilla_slice_of(rule->pattern);
        bool valid = cz_pattern_parse(text, rule->segments, &rule->count, &trouble) == 0;
        int rc = catzilla_router_add(router, "GET", rule->pattern, rule->pattern);
        FUZZ_CHECK(valid ? rc == 0 || rc == CATZILLA_ERR_CONFLICT : rc == CATZILLA_ERR_PATTERN);
        if (rc == 0) {
            FUZZ_CHECK(catzilla_router_has(router, "GET", rule->pattern));
            count++;
        } else {
            free(rule->pattern);
        }
    }
    char *path = fuzz_copy(rest.data, rest.size);
    look_up(router, rules, count, (catzilla_slice_t){path, rest.size});
    FUZZ_CHECK(catzilla_router_count(router) == count);
    catzilla_router_destroy(router);
    for (size_t i = 0; i < count; i++)
        free(rules[i].pattern);
    free(path);
    return 0;
}
