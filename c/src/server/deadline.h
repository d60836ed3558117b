/* Deadlines of connections as coarse lists. Layer: server. */
#ifndef CZ_SERVER_DEADLINE_H
#define CZ_SERVER_DEADLINE_H
#include <stdbool.h>
#include <stdint.h>

/* What a connection waits for. */
typedef enum cz_wait {
    CZ_WAIT_NOTHING,
    CZ_WAIT_REQUEST, /* idle between requests */
    CZ_WAIT_HEAD,
    CZ_WAIT_BODY,
    CZ_WAIT_WRITE,
    CZ_WAIT_HALF_CLOSED, /* with a peer that may have left: half closed, or not read from now */
    CZ_WAIT_LINGER,      /* for the peer to close, after the last reply */
    CZ_WAIT_KINDS
} cz_wait_t;

typedef struct cz_deadline {
    struct cz_deadline *previous;
    struct cz_deadline *next;
    uint64_t at_ms;
    cz_wait_t wait;
} cz_deadline_t;

typedef struct cz_deadlines {
    cz_deadline_t lists[CZ_WAIT_KINDS]; /* heads of rings */
    uint32_t timeout_ms[CZ_WAIT_KINDS]; /* 0: none */
} cz_deadlines_t;

void cz_deadlines_init(cz_deadlines_t *deadlines);

/* Waits for `wait` from `now_ms` on, and for nothing else any more. */
void cz_deadline_set(cz_deadlines_t *deadlines, cz_deadline_t *deadline, cz_wait_t wait,
                     uint64_t now_ms);

/*
 * As cz_deadline_set(), but where the same wait began less than CZ_DEADLINE_GRAIN_MS ago it is left
 * as it is: for waits that begin anew with each request.
 */
#define CZ_DEADLINE_GRAIN_MS 64u

static inline void cz_deadline_renew(cz_deadlines_t *deadlines, cz_deadline_t *deadline,
                                     cz_wait_t wait, uint64_t now_ms)
{
    uint64_t at_ms = now_ms + deadlines->timeout_ms[wait];
    if (deadline->wait != wait || at_ms - deadline->at_ms >= CZ_DEADLINE_GRAIN_MS ||
        deadlines->timeout_ms[wait] < 16 * CZ_DEADLINE_GRAIN_MS)
        cz_deadline_set(deadlines, deadline, wait, now_ms);
}

/* One that has passed, NULL when none has; it waits for nothing then, `*wait` says what it did. */
cz_deadline_t *cz_deadline_next(cz_deadlines_t *deadlines, uint64_t now_ms, cz_wait_t *wait);

#endif
