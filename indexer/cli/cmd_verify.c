/* cmd_verify.c - `gensearch verify`: every promise of the database, looked at. */
#include "indexer/cli/cli.h"

#include <stdio.h>

static void report(void *context, const char *fault)
{
    (void)context;
    puts(fault);
}

static gs_status verify(cli_call *call, gs_error *err)
{
    size_t faults = 0;
    gs_status st = gs_store_verify(call->store, report, NULL, &faults, err);
    if (st == GS_OK)
        st = cli_report_stale(call->store, call->operands[0], err);
    if (st == GS_OK && faults > 0)
        st = gs_fail(err, GS_EFORMAT, "%s: %zu %s", call->operands[0], faults, faults == 1 ? "fault" : "faults");
    return st;
}

int cmd_verify(int argc, char **argv)
{
    const cli_command command = {
        "verify",
        "DB",
        "Looks for damage: pages, references, sizes, numbers that are no moments, JSON. Faults go to standard\n"
        "output, one a line; none is success. Neighbours that are missing or out of date are no damage: standard error "
        "tells.",
        "  gensearch verify zoo.db",
        NULL,
        0,
        1,
        1,
        CLI_READS,
        NULL,
        verify};
    return cli_run(&command, argc, argv, NULL);
}
