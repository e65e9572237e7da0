/* cli_signals.c - signals: one thread waits for them, and no handler ever runs.
 *
 * The code that oneDNN generates keeps data below the stack pointer, where the kernel would lay the frame of a signal handler: a handler
 * on a computing thread corrupts it. So every signal that may have a handler is blocked in every thread, those included that OpenBLAS
 * starts while it is loaded, and the ones that ask to end are waited for here. A sampler's worker starts with no signal blocked (child.c).
 * What the caller ignores (nohup, a script's job in the background) is not waited for, and so stays ignored.
 */
#include "indexer/cli/cli.h"

#include "indexer/sampler/child.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

static gs_stop stop;
static atomic_bool
    graceful; /* the first signal asks to stop; before that, and from the second on, a signal ends the program */
static const char *announcement;
static atomic_int hangup = -1; /* an eventfd that SIGHUP is written to, where it does not ask to end */

/* All but those that a fault raises in the thread itself, and those whose default action is wanted: stopping and continuing, the end of a
 * program whose reader has gone (SIGPIPE), a core file (SIGQUIT). */
static void fill_blocked(sigset_t *set)
{
    static const int open[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGSYS, SIGABRT,
                               SIGPIPE, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT};
    sigfillset(set);
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        sigdelset(set, open[i]);
}

static void block_signals(void)
{
    sigset_t set;
    fill_blocked(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The loader calls what stands here before it initialises any library, so that the threads that those start inherit the mask. */
__attribute__((section(".preinit_array"), used)) static void (*const first_of_all)(void) = block_signals;

/* Ends the workers, and the program as the signal's default action does, so that the caller's shell learns of it. */
static void end_by(int number)
{
    sigset_t only;
    gs_child_kill_all();
    sigemptyset(&only);
    sigaddset(&only, number);
    signal(number, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    kill(getpid(), number);
}

static void *wait_for_signals(void *unused)
{
    (void)unused;
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction action;
        if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, ending[i]);
    }
    for (int number; sigwait(&set, &number) == 0;) {
        int fd = number == SIGHUP ? atomic_load(&hangup) : -1;
        if (fd >= 0) {
            eventfd_write(fd, 1);
            continue;
        }
        if (!atomic_load(&graceful) || gs_stop_requested(&stop))
            end_by(number);
        gs_stop_request(&stop);
        if (announcement)
            cli_message("%s", announcement);
    }
    return NULL;
}

gs_status cli_signals_start(gs_error *err)
{
    pthread_t thread;
    gs_status st = gs_stop_init(&stop, err);
    if (st == GS_OK && pthread_create(&thread, NULL, wait_for_signals, NULL) != 0)
        st = gs_fail(err, GS_EIO, "cannot start a thread that waits for signals");
    return st;
}

const gs_stop *cli_stop_on_signal(const char *message)
{
    announcement = message;
    atomic_store(&graceful, true);
    return &stop;
}

int cli_hangup_fd(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_store(&hangup, fd);
    return fd;
}
