/*
 * Deadlines. All that wait for the same thing have the same timeout, so a list in the order of
 * arming is one in the order of expiry: arming is a move to the end, and a tick looks at the
 * heads alone. A timer for each read would cost more than the parsing of a small request.
 */
#include "server/deadline.h"

#include <stddef.h>

void cz_deadlines_init(cz_deadlines_t *deadlines)
{
    for (int wait = 0; wait < CZ_WAIT_KINDS; wait++) {
        cz_deadline_t *head = &deadlines->lists[wait];
        head->previous = head->next = head;
        head->at_ms = UINT64_MAX;
        deadlines->timeout_ms[wait] = 0;
    }
}

static void unlink_deadline(cz_deadline_t *deadline)
{
    if (deadline->wait == CZ_WAIT_NOTHING)
        return;
    deadline->previous->next = deadline->next;
    deadline->next->previous = deadline->previous;
    deadline->wait = CZ_WAIT_NOTHING;
}

void cz_deadline_set(cz_deadlines_t *deadlines, cz_deadline_t *deadline, cz_wait_t wait,
                     uint64_t now_ms)
{
    unlink_deadline(deadline);
    if (wait == CZ_WAIT_NOTHING || deadlines->timeout_ms[wait] == 0)
        return;
    cz_deadline_t *head = &deadlines->lists[wait];
    deadline->wait = wait;
    deadline->at_ms = now_ms + deadlines->timeout_ms[wait];
    deadline->previous = head->previous;
    deadline->next = head;
    head->previous->next = deadline;
    head->previous = deadline;
}

cz_deadline_t *cz_deadline_next(cz_deadlines_t *deadlines, uint64_t now_ms, cz_wait_t *wait)
{
    for (int kind = 0; kind < CZ_WAIT_KINDS; kind++) {
        cz_deadline_t *first = deadlines->lists[kind].next;
        if (first->at_ms > now_ms)
            continue;
        *wait = first->wait;
        unlink_deadline(first);
        return first;
    }
    return NULL;
}
