/* cmd_publish.c - `gensearch publish`: the static folder of a database. */
#include "indexer/cli/cli.h"

#include "indexer/publish/publish.h"

#include <string.h>

static gs_status read_vision(const char *text, gs_publish_vision *vision, gs_error *err)
{
    static const char *const names[] = {[GS_VISION_AUTO] = "auto", [GS_VISION_YES] = "yes", [GS_VISION_NO] = "no"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *vision = (gs_publish_vision)i;
            return GS_OK;
        }
    }
    return gs_fail(err, GS_EARGS, "--vision is '%s', expected yes, no or auto", text);
}

int cmd_publish(int argc, char **argv)
{
    const char *directory = NULL, *means = "f16", *vision = "auto";
    gs_publish_options publish = {0};
    const cli_option options[] = {
        {"encoder", "DIR", "where the database's encoder lies now", .text = &directory},
        {"exact-text", NULL, "do not quantise the text tower: four times the download", .flag = &publish.exact_text},
        {"means", "TYPE", "f32, f16 or int8 for the models' means: int8 halves them for a large zoo (f16)",
         .text = &means},
        {"vision", "yes|no|auto", "let visitors search with pictures: the vision tower too (auto: below 40 MB)",
         .text = &vision},
        {"gaussian", NULL, "the Gaussians too, dim x dim bytes a model: for gaussian-density and first-second-moment",
         .flag = &publish.gaussian},
        {"features", "N", "at most N kept features of each model too, N x dim bytes: for monte-carlo (none)",
         .count = &publish.features},
    };
    const cli_command command = {
        "publish",
        "DB DIR",
        "Writes the static folder that a browser searches. Any web server can serve it, from any path. A folder\n"
        "published before is replaced; any other that is not empty is left alone.",
        "  gensearch publish zoo.db public && gensearch serve public",
        CLI_OPTIONS(options),
        2,
        2};
    int exit_code;
    if (!cli_parse(&command, &argc, &argv, &exit_code))
        return exit_code;
    gs_error err = {""};
    gs_store *store = NULL;
    gs_encoder *encoder = NULL;
    gs_status st = gs_element_parse(means, &publish.means, &err);
    if (st == GS_OK)
        st = read_vision(vision, &publish.vision, &err);
    if (st == GS_OK)
        st = gs_store_open(&store, argv[0], GS_STORE_READ, &err);
    if (st == GS_OK)
        st = cli_open_encoder(&encoder, directory, store, &(gs_encoder_options){.batch = 1}, &err);
    if (st == GS_OK)
        st = cli_report_stale(store, argv[0], &err);
    if (st == GS_OK)
        st = gs_publish(store, encoder, argv[1], &publish, &err);
    gs_encoder_close(encoder);
    gs_store_close(store);
    return cli_finish(st, &err);
}
