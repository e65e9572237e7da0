/* main.c - `gensearch SUBCOMMAND ...`: finds the subcommand and hands over. */
#include "indexer/cli/cli.h"

#include "indexer/nn/backend.h"

#include <stdio.h>
#include <stdlib.h> /* setenv */
#include <string.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"index", "sample models, encode the samples, keep their moments in a database", cmd_index},
    {"search", "rank the models of a database for words and pictures", cmd_search},
    {"similar", "list the models nearest to one", cmd_similar},
    {"neighbors", "find the models nearest to every one", cmd_neighbors},
    {"show", "list the models of a database, or tell about one", cmd_show},
    {"frechet", "the Frechet distance of two models", cmd_frechet},
    {"remove", "forget a model", cmd_remove},
    {"merge", "put the models of several databases into one", cmd_merge},
    {"encode", "print CLIP features of words and pictures", cmd_encode},
    {"stats", "export a model's mean and covariance for NumPy", cmd_stats},
    {"publish", "write the static folder that a browser searches", cmd_publish},
    {"verify", "look for damage in a database", cmd_verify},
    {"eval", "measure the methods on queries whose answers are known", cmd_eval},
    {"serve", "serve a published folder over HTTP", cmd_serve},
};

static int print_help(void)
{
    puts("usage: gensearch COMMAND ...\n\nFinds generative models by what they generate.\n\ncommands:");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    puts("\n`gensearch COMMAND --help` tells more. Exit codes: 0 success, 1 no result, 2 error,\n"
         "130 interrupted at a safe point.");
    return cli_end_output(EXIT_FOUND);
}

int main(int argc, char **argv)
{
    gs_error err;
    setenv("ORT_DISABLE_TELEMETRY", "1",
           0); /* a worker that runs onnxruntime leaves files in the user's folders otherwise */
    if (cli_signals_start(&err) != GS_OK) {
        cli_message("%s", err.message);
        return EXIT_ERROR;
    }
    gs_backend_follow_cores();
    if (argc < 2) {
        cli_message("expected a command (see gensearch --help)");
        return EXIT_ERROR;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        return print_help();
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("gensearch " GS_VERSION);
        return cli_end_output(EXIT_FOUND);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    cli_message("unknown command '%s' (see gensearch --help)", argv[1]);
    return EXIT_ERROR;
}
