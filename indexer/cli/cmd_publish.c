/* cmd_publish.c - `gensearch publish`: the static folder of a database. */
#include "indexer/cli/cli.h"

#include "indexer/publish/publish.h"

#include <string.h>

typedef struct {
    const char *encoder, *means, *vision;
    gs_publish_options publish;
} arguments;

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

static gs_status check(void *context, gs_error *err)
{
    arguments *args = context;
    gs_status st = gs_element_parse(args->means, &args->publish.means, err);
    return st == GS_OK ? read_vision(args->vision, &args->publish.vision, err) : st;
}

static gs_status publish(cli_call *call, gs_error *err)
{
    const arguments *args = call->arguments;
    gs_encoder *encoder = NULL;
    gs_status st = cli_open_encoder(&encoder, args->encoder, call->store, &(gs_encoder_options){.batch = 1}, err);
    if (st == GS_OK)
        st = cli_report_stale(call->store, call->operands[0], err);
    if (st == GS_OK)
        st = cli_report_background(call->store, err);
    if (st == GS_OK)
        st = gs_publish(call->store, encoder, call->operands[1], &args->publish, err);
    gs_encoder_close(encoder);
    return st;
}

int cmd_publish(int argc, char **argv)
{
    arguments args = {.means = "f16", .vision = "auto", .publish.graphs = GS_PUBLISH_GRAPHS};
    const cli_option options[] = {
        {"encoder", "DIR", "where the database's encoder lies now", .text = &args.encoder},
        {"exact-text", NULL, "do not quantise the text tower: four times the download",
         .flag = &args.publish.exact_text},
        {"means", "TYPE", "f32, f16 or int8 for the models' means: int8 halves them for a large zoo (f16)",
         .text = &args.means},
        {"vision", "yes|no|auto", "let visitors search with pictures: the vision tower too (auto: below 40 MB)",
         .text = &args.vision},
        {"compress", NULL,
         "compressed forms beside the files, NAME.gz and NAME.br, for hosts that send them (gensearch serve,\n"
         "                       nginx's gzip_static); many hosts compress by themselves",
         .flag = &args.publish.compress},
        {"gaussian", NULL, "the Gaussians too, dim x dim bytes a model: for gaussian-density and first-second-moment",
         .flag = &args.publish.gaussian},
        {"graphs", "BYTES",
         "let visitors sample ONNX models that state a licence: graphs of at most BYTES a model; 0: none (10000000)",
         .count = &args.publish.graphs},
        {"features", "N", "at most N kept features of each model too, N x dim bytes: for monte-carlo (none)",
         .count = &args.publish.features},
    };
    const cli_command command = {
        "publish",
        "DB DIR",
        "Writes the static folder that a browser searches. Any web server can serve it, from any path. A folder\n"
        "published before is replaced; any other that is not empty is left alone.",
        "  gensearch publish zoo.db public && gensearch serve public",
        CLI_OPTIONS(options),
        2,
        2,
        CLI_READS,
        check,
        publish};
    return cli_run(&command, argc, argv, &args);
}
