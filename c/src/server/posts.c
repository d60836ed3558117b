/*
 * What other threads hand to a loop: calls, and replies that they have completed. A reply put off
 * keeps the async handle open, so that a loop never ends while a thread still holds one of its
 * replies; calls are refused from the stop on.
 */
#include "server/posts.h"

#include <string.h>

static void on_async_closed(uv_handle_t *async)
{
    cz_posts_t *posts = async->data;
    posts->on_closed(posts);
}

static void close_when_done(cz_posts_t *posts)
{
    if (posts->stopping && posts->put_off == 0 && !uv_is_closing((uv_handle_t *)&posts->async))
        uv_close((uv_handle_t *)&posts->async, on_async_closed);
}

static void run_completed(cz_posts_t *posts, catzilla_response_t *latest)
{
    catzilla_response_t *first = NULL;
    while (latest != NULL) {
        catzilla_response_t *next = latest->next_completed;
        latest->next_completed = first;
        first = latest;
        latest = next;
    }
    while (first != NULL) {
        catzilla_response_t *next = first->next_completed;
        posts->put_off--;
        posts->on_completed(first);
        first = next;
    }
}

static void on_async(uv_async_t *async)
{
    cz_posts_t *posts = async->data;
    uv_mutex_lock(&posts->mutex);
    cz_post_t *post = posts->first;
    catzilla_response_t *completed = posts->completed;
    posts->first = posts->last = NULL;
    posts->completed = NULL;
    uv_mutex_unlock(&posts->mutex);
    while (post != NULL) {
        cz_post_t *next = post->next;
        post->call(post->user_data);
        catzilla_free(post);
        post = next;
    }
    run_completed(posts, completed);
    close_when_done(posts);
}

int cz_posts_open(cz_posts_t *posts, uv_loop_t *loop,
                  void (*on_completed)(catzilla_response_t *response),
                  void (*on_closed)(cz_posts_t *posts))
{
    memset(posts, 0, sizeof *posts);
    posts->on_completed = on_completed;
    posts->on_closed = on_closed;
    if (uv_mutex_init(&posts->mutex) != 0)
        return CATZILLA_ERR_SYSTEM;
    if (uv_async_init(loop, &posts->async, on_async) != 0) {
        uv_mutex_destroy(&posts->mutex);
        return CATZILLA_ERR_SYSTEM;
    }
    posts->async.data = posts;
    return 0;
}

void cz_posts_stop(cz_posts_t *posts)
{
    uv_mutex_lock(&posts->mutex);
    posts->closed = true;
    uv_mutex_unlock(&posts->mutex);
    posts->stopping = true;
    /* Calls taken before still run, so the handle closes behind them. */
    uv_async_send(&posts->async);
}

void cz_posts_close(cz_posts_t *posts)
{
    uv_mutex_destroy(&posts->mutex);
}

int cz_posts_call(cz_posts_t *posts, void (*call)(void *user_data), void *user_data)
{
    cz_post_t *post = catzilla_malloc(sizeof *post);
    if (post == NULL)
        return CATZILLA_ERR_NOMEM;
    post->next = NULL;
    post->call = call;
    post->user_data = user_data;
    uv_mutex_lock(&posts->mutex);
    bool closed = posts->closed;
    if (!closed) {
        if (posts->last == NULL)
            posts->first = post;
        else
            posts->last->next = post;
        posts->last = post;
        uv_async_send(&posts->async);
    }
    uv_mutex_unlock(&posts->mutex);
    if (!closed)
        return 0;
    catzilla_free(post);
    return CATZILLA_ERR_STATE;
}

void cz_posts_complete(cz_posts_t *posts, catzilla_response_t *response)
{
    uv_mutex_lock(&posts->mutex);
    response->next_completed = posts->completed;
    posts->completed = response;
    uv_async_send(&posts->async);
    uv_mutex_unlock(&posts->mutex);
}
