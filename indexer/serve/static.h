/* static.h - the files of a folder, as answers. */
#ifndef GS_STATIC_H
#define GS_STATIC_H

#include "indexer/serve/exchange.h"

/* The file below root (a real path) that the exchange's URL means (files.h): whole, in part, or only that it has not changed. 405 for what is
 * neither GET nor HEAD. */
enum MHD_Result gs_static_answer(gs_exchange *e, const char *root);

#endif
