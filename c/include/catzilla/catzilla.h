/* Everything Catzilla offers to C. A program may include single modules instead. */
#ifndef CATZILLA_CATZILLA_H
#define CATZILLA_CATZILLA_H
#include <catzilla/accesslog.h>
#include <catzilla/errors.h>
#include <catzilla/group.h>
#include <catzilla/listener.h>
#include <catzilla/memory.h>
#include <catzilla/request.h>
#include <catzilla/response.h>
#include <catzilla/router.h>
#include <catzilla/server.h>
#include <catzilla/slice.h>
#include <catzilla/static.h>
#include <catzilla/version.h>
#endif
