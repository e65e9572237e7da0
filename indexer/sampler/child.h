/* child.h - a child process that answers over pipes, and never takes its parent with it.
 *
 *     gs_child *child;
 *     if ((st = gs_child_open(&child, argv, directory, stop, err)) != GS_OK) return st;
 *     st = gs_child_write(child, request, size, seconds, err);
 *     st = gs_child_read(child, answer, sizeof answer, seconds, &got, err);
 *     gs_child_close(child, 2);
 *
 * Whatever the child does - die, hang, fill its standard error, close its ends - these calls come back with GS_ECHILD
 * and a message that carries the last words of its standard error, which is also passed on to ours. No signal handler
 * or disposition of the caller is touched.
 */
#ifndef GS_CHILD_H
#define GS_CHILD_H

#include "core/status.h"
#include "indexer/util/stop.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct gs_child gs_child; /* one thread at a time */

/* Starts argv (NULL at the end, looked up in PATH) in directory, as the leader of a process group of its own, so that the
 * Ctrl-C of a terminal does not reach it. The kernel kills it when the calling thread ends, however that ends: call this from a
 * thread that stays. stop (borrowed until the end; may be NULL) ends every wait for the child with GS_ECANCELED.
 * GS_ENOTFOUND when there is no such command or directory. */
gs_status gs_child_open(gs_child **child, char *const argv[], const char *directory, const gs_stop *stop,
                        gs_error *err);

/* Writes all of bytes [size]. seconds: how long the child may go without taking any. */
gs_status gs_child_write(gs_child *child, const void *bytes, size_t size, double seconds, gs_error *err);

/* Reads 1 to size bytes, waiting up to seconds for the first. The end of the child's output is GS_ECHILD. */
gs_status gs_child_read(gs_child *child, void *bytes, size_t size, double seconds, size_t *got, gs_error *err);

/* True when something can be read at once. */
bool gs_child_has_output(gs_child *child);

/* Ends the child kindly: its input is closed. After so many seconds it goes by force, and what it left of its process
 * group in any case. NULL is fine. */
void gs_child_close(gs_child *child, double seconds);

/* Kills every child and its process group, from any thread: for a program that ends at once. No child can be started
 * or ended after it. */
void gs_child_kill_all(void);

#endif
