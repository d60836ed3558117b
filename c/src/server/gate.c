/*
 * The one count that all workers share, touched when a connection comes and when it goes, never
 * by a request. Entering and leaving are ordered with the count of those that wait (all
 * sequentially consistent), so either the leaver sees who waits, or who waits sees the room.
 */
#include "server/gate.h"

bool cz_gate_enter(cz_gate_t *gate)
{
    if (atomic_fetch_add(&gate->open, 1) < gate->limit)
        return true;
    atomic_fetch_sub(&gate->open, 1);
    return false;
}

void cz_gate_pass(cz_gate_t *gate)
{
    atomic_fetch_add(&gate->open, 1);
}

bool cz_gate_leave(cz_gate_t *gate)
{
    atomic_fetch_sub(&gate->open, 1);
    return atomic_load(&gate->waiting) > 0;
}

void cz_gate_wait(cz_gate_t *gate)
{
    atomic_fetch_add(&gate->waiting, 1);
}

void cz_gate_wait_end(cz_gate_t *gate)
{
    atomic_fetch_sub(&gate->waiting, 1);
}
