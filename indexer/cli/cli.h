/* cli.h - what the subcommands share: options, messages, progress, the encoder they mean.
 *
 *     arguments args = {.limit = 10};
 *     const cli_option options[] = {{"limit", "K", "how many results (10)", .count = &args.limit, .least = 1}};
 *     const cli_command command = {"similar", "DB SLUG", "models nearest to one", "gensearch similar zoo.db cats", CLI_OPTIONS(options), 2, 2,
 *                                  CLI_READS, NULL, similar};
 *     return cli_run(&command, argc, argv, &args);                               // similar() does the work: cli_body
 *
 * Exit codes: 0 success, 1 no result, 2 error, 130 interrupted at a safe point. Data goes to standard output, everything else to standard error.
 */
#ifndef GS_CLI_H
#define GS_CLI_H

#include "core/filter.h"
#include "core/query.h"
#include "core/status.h"
#include "indexer/encoder/encoder.h"
#include "indexer/neighbors/neighbors.h"
#include "indexer/store/store.h"
#include "indexer/util/stop.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_FOUND = 0, EXIT_NO_RESULT = 1, EXIT_ERROR = 2, EXIT_INTERRUPTED = 130 };

/* One part of a query, in the order of the command line. */
typedef struct {
    gs_part_kind kind;
    bool is_feature;   /* input is a file with a feature of this kind, as `encode --json` prints it */
    const char *input; /* words, a file, or a model's slug  borrowed */
    double weight;
} cli_part;

typedef struct {
    cli_part *parts; /* [count]  owned; cli_parts_free() */
    size_t count;
    gs_filter filter; /* conditions from options, and from among the words */
    char **words;     /* [n_words]  owned: what conditions left of the texts */
    size_t n_words;
} cli_parts;
void cli_parts_free(cli_parts *parts); /* safe on a zeroed one */

/* Where the value of an option that makes or changes a part goes. */
typedef enum {
    CLI_PART_TEXT,
    CLI_PART_IMAGE,
    CLI_PART_SKETCH,
    CLI_PART_MODEL,
    CLI_PART_FEATURE,
    CLI_PART_WEIGHT,
    CLI_PART_FILTER
} cli_part_use;

/* The values of an option that may be repeated, in order. */
typedef struct {
    const char **items; /* [count]  the array is owned: the caller frees it; what it holds is borrowed */
    size_t count;
} cli_list;

/* Exactly one of flag, text, list, count, real and parts is set: where the value goes. */
typedef struct {
    const char *name;  /* without the dashes */
    const char *value; /* what its argument is called in the help; NULL for a flag */
    const char *help;
    bool *flag;
    const char **text;
    cli_list *list;
    uint64_t *count;
    uint64_t least, most; /* of count; most 0: INT64_MAX, what the database can hold */
    double *real;         /* >= 0 */
    cli_parts *parts;     /* changed as use says */
    cli_part_use use;
    gs_field field; /* of CLI_PART_FILTER */
} cli_option;

/* What a subcommand works on. */
typedef struct {
    void *arguments; /* what cli_run() was given */
    char **operands; /* [n_operands]  borrowed, as all here */
    size_t n_operands;
    gs_store *store;     /* the database that the first operand names; NULL with CLI_NO_DATABASE */
    const char *nothing; /* to be set to why nothing was found, where that is no failure: static text */
} cli_call;
typedef gs_status cli_body(cli_call *call, gs_error *err);

/* Looks at the arguments before anything is opened. */
typedef gs_status cli_check(void *arguments, gs_error *err);

/* How the database is opened that the first operand names. */
typedef enum { CLI_NO_DATABASE, CLI_READS, CLI_WRITES } cli_database;

typedef struct {
    const char *name;     /* of the subcommand */
    const char *operands; /* "DB SLUG" */
    const char *summary;
    const char *examples; /* lines */
    const cli_option *options;
    size_t n_options;
    int least, most; /* operands; most -1: any number */
    cli_database database;
    cli_check *check; /* NULL: the options say it all */
    cli_body *body;
} cli_command;

#define CLI_OPTIONS(array) (array), sizeof(array) / sizeof *(array)

/* Stores the options, checks them, opens the database, calls the body, and reports what went wrong. Returns the exit code. */
int cli_run(const cli_command *command, int argc, char **argv, void *arguments);

/* "gensearch: ..." on standard error. */
void cli_message(const char *format, ...) GS_PRINTF(1, 2);

/* The exit code when standard output could be written, else EXIT_ERROR with a message. */
int cli_end_output(int exit_code);

/* Prints an object on a line of its own and deletes it. */
gs_status cli_print_json(cJSON *object, gs_error *err);

/* Starts the thread that waits for signals: main calls it first. SIGINT, SIGTERM and SIGHUP then end the program. */
gs_status cli_signals_start(gs_error *err);

/* From here on the first of these signals is a request to stop, answered with message (static; NULL: none), and only the second ends the
 * program. The result is borrowed, for the life of the program. */
const gs_stop *cli_stop_on_signal(const char *message);

/* From here on SIGHUP asks for something else: it makes this descriptor readable (8 bytes, read to forget), for the life of the program. -1 when
 * the system has none left; then it ends the program as before. */
int cli_hangup_fd(void);

/* How many threads to use when `asked` are asked for (0: no wish): never more than the cores this process may use, with a message when
 * that is fewer. */
int cli_threads(uint64_t asked);

/* A progress bar on a terminal, a line now and then elsewhere. */
typedef struct {
    const char *label;
    bool quiet;
    double started, shown;
    uint64_t first;   /* what was done at the first show, from which on the rate counts */
    bool begun, open; /* open: the bar stands on the last line */
} cli_progress;
void cli_progress_start(cli_progress *progress, const char *label, bool quiet);
void cli_progress_show(void *progress, uint64_t done, uint64_t total); /* as callback */
void cli_progress_end(cli_progress *progress);

#define CLI_MAX_COLUMNS 16
/* cells [n_rows, n_columns] (borrowed) in columns as wide as what they hold. */
void cli_print_table(const char *const *cells, size_t n_rows, size_t n_columns);

/* The encoder that directory names or, when that is NULL, the one the store was indexed with: where it lay then, else the embedded one.
 * GS_EMISMATCH when it is not the store's. store may be NULL: the embedded one is the default. */
gs_status cli_open_encoder(gs_encoder **encoder, const char *directory, gs_store *store,
                           const gs_encoder_options *options, gs_error *err);

/* The same for what is indexed with bound: of the place (a database, a published folder) that messages name. */
gs_status cli_open_bound_encoder(gs_encoder **encoder, const char *directory, const char *place,
                                 const gs_store_encoder *bound, const gs_encoder_options *options, gs_error *err);

/* Says on standard error what was assumed of an encoder: where a user names it, and when a database is bound to it. */
void cli_tell_assumptions(const gs_encoder *encoder);

/* --precision's f32, bf16, auto or, of a job, int8, and --device's auto, cpu or cuda; a text that is NULL leaves what options has. */
gs_status cli_read_arithmetic(const char *precision, const char *device, bool job, gs_encoder_options *options,
                              gs_error *err);

/* Features of all parts [count, dim], malloc'ed; those of models are left zero. encoder may be NULL when cli_parts_need_encoder() is false. */
gs_status cli_encode_parts(gs_encoder *encoder, const cli_parts *parts, size_t dim, float **features, gs_error *err);
bool cli_parts_need_encoder(const cli_parts *parts);

/* Takes conditions out of the texts into the filter, and drops a text of which nothing is left. */
gs_status cli_parts_take_filters(cli_parts *parts, gs_error *err);

/* What queries read, brought up to date with progress: factors and low-rank forms, then the background. encoder and stop may be NULL:
 * indexer/search/background.h. */
gs_status cli_prepare_queries(gs_store *store, gs_encoder *encoder, bool quiet, const gs_stop *stop, gs_error *err);

/* Neighbours brought up to date, with progress. stop and result may be NULL. */
gs_status cli_update_neighbors(gs_store *store, int threads, bool quiet, const gs_stop *stop,
                               gs_neighbors_result *result, gs_error *err);

/* Says on standard error how many lists of neighbours are missing or out of date, if any, and what to do. */
gs_status cli_report_stale(gs_store *store, const char *database, gs_error *err);

/* Says on standard error when the background of queries is missing or out of date, and what to do. */
gs_status cli_report_background(gs_store *store, gs_error *err);

/* The subcommands: each in its cmd_NAME.c. argv[0] is the name. */
int cmd_index(int argc, char **argv);
int cmd_search(int argc, char **argv);
int cmd_similar(int argc, char **argv);
int cmd_neighbors(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_frechet(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_publish(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_eval(int argc, char **argv);

#endif
