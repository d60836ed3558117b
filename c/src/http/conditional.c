#include "http/conditional.h"

#include "http/date.h"

/* How two entity tags are compared. */
enum comparison { WEAK, STRONG };

static size_t skip_space(catzilla_slice_t text, size_t at)
{
    while (at < text.size && (text.data[at] == ' ' || text.data[at] == '\t'))
        at++;
    return at;
}

/* Elements may be empty, also before the first one (RFC 9110, section 5.6.1.2). */
static size_t skip_empty(catzilla_slice_t list, size_t at)
{
    at = skip_space(list, at);
    while (at < list.size && list.data[at] == ',')
        at = skip_space(list, at + 1);
    return at;
}

/* Whether the list of entity tags holds `etag`, or is "*". A malformed rest matches nothing. */
static bool list_matches(catzilla_slice_t list, catzilla_slice_t etag, enum comparison how)
{
    if (catzilla_slice_equal(list, CATZILLA_SLICE("*")))
        return true;
    size_t at = skip_empty(list, 0);
    while (at < list.size) {
        bool weak = list.size - at > 2 && list.data[at] == 'W' && list.data[at + 1] == '/';
        size_t start = weak ? at + 2 : at;
        if (start >= list.size || list.data[start] != '"')
            return false;
        size_t end = start + 1;
        while (end < list.size && list.data[end] != '"')
            end++;
        if (end == list.size)
            return false;
        end++;
        catzilla_slice_t tag = {list.data + start, end - start};
        if (!(weak && how == STRONG) && catzilla_slice_equal(tag, etag))
            return true;
        at = skip_space(list, end);
        if (at < list.size && list.data[at] != ',')
            return false;
        at = skip_empty(list, at);
    }
    return false;
}

cz_condition_t cz_conditional_weigh(const cz_conditions_t *conditions,
                                    const cz_validators_t *present)
{
    int64_t since;
    if (conditions->if_match.data != NULL) {
        if (!list_matches(conditions->if_match, present->etag, STRONG))
            return CZ_CONDITION_FAILED;
    } else if (cz_date_parse(conditions->if_unmodified_since, &since) &&
               present->modified > since) {
        return CZ_CONDITION_FAILED;
    }
    if (conditions->if_none_match.data != NULL) {
        if (list_matches(conditions->if_none_match, present->etag, WEAK))
            return CZ_CONDITION_NOT_MODIFIED;
    } else if (cz_date_parse(conditions->if_modified_since, &since) && present->modified <= since) {
        return CZ_CONDITION_NOT_MODIFIED;
    }
    return CZ_CONDITION_HOLDS;
}

bool cz_conditional_range_counts(const cz_conditions_t *conditions, const cz_validators_t *present)
{
    catzilla_slice_t value = conditions->if_range;
    int64_t since;
    if (value.data == NULL || catzilla_slice_equal(value, present->etag))
        return true;
    /* Within its second there may be another change, which the date would not tell (8.8.2.2). */
    return cz_date_parse(value, &since) && since == present->modified && present->now > since;
}
