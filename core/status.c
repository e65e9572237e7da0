#include "core/status.h"

#include <stdarg.h> /* va_list */
#include <stdio.h>  /* vsnprintf, snprintf */
#include <string.h> /* memcpy */

/* Names in parentheses: see the macros at the end of status.h. */
gs_status(gs_fail)(gs_error *err, gs_status status, const char *format, ...)
{
    if (!err)
        return status;
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): a false alarm, when it checks several files */
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

gs_status(gs_error_prefix)(gs_error *err, gs_status status, const char *format, ...)
{
    if (!err)
        return status;
    gs_error inner = *err;
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    int used = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof err->message)
        return status;
    size_t left = sizeof err->message - (size_t)used;
    snprintf(err->message + used, left, ": %.*s", (int)(left > 3 ? left - 3 : 0), inner.message);
    return status;
}
