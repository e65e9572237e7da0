#include "indexer/sampler/child.h"

#include <errno.h>
#include <fcntl.h> /* O_CLOEXEC, O_NONBLOCK */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h> /* snprintf */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LAST_WORDS 300 /* bytes of standard error that a message carries */

struct gs_child {
    gs_child *next;            /* of children */
    pid_t pid;                 /* also of its process group */
    int input, output, errors; /* our ends of its standard streams, nonblocking; -1: closed */
    const gs_stop *stop;       /* borrowed */
    char words[LAST_WORDS];    /* [word_count]  the end of its standard error */
    size_t word_count;
};

/* All that were started and not ended, for gs_child_kill_all(). */
static gs_child *children;
static pthread_mutex_t children_lock = PTHREAD_MUTEX_INITIALIZER;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- start --- */

/* What happens in the child between fork and exec: nothing that takes a lock. Returns errno. theirs[i] becomes
 * descriptor i. The child blocks no signal, whatever the caller does. */
static int become(char *const argv[], const char *directory, const int theirs[3], pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return errno;
    if (getppid() != parent) /* it ended before the line above */
        _exit(1);
    for (int i = 0; i < 3; i++)
        if (dup2(theirs[i], i) < 0)
            return errno;
    if (chdir(directory) != 0)
        return errno;
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], argv);
    return errno;
}

/* The group is set by both sides: whichever comes first, it is there when the parent goes on. */
static void fork_child(gs_child *child)
{
    pthread_mutex_lock(&children_lock);
    child->pid = _Fork();
    if (child->pid > 0) {
        setpgid(child->pid, child->pid);
        child->next = children;
        children = child;
    }
    if (child->pid != 0)
        pthread_mutex_unlock(&children_lock);
}

/* Kills what runs of the child's group, while its number cannot be another's, and then gives the number back. */
static void kill_child(gs_child *child)
{
    pthread_mutex_lock(&children_lock);
    kill(-child->pid, SIGKILL);
    gs_child **link = &children;
    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    pthread_mutex_unlock(&children_lock);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* Not posix_spawn, which cannot ask for a signal at the parent's death; not fork, whose handlers would end OpenBLAS's threads under another
 * thread's product. Returns errno, the child's too. */
static int spawn(gs_child *child, char *const argv[], const char *directory, const int theirs[3])
{
    int news[2], failed = 0; /* the child's errno comes through; exec closes it */
    pid_t parent = getpid();
    if (pipe2(news, O_CLOEXEC) != 0)
        return errno;
    fork_child(child);
    if (child->pid == 0) {
        failed = become(argv, directory, theirs, parent);
        ssize_t ignored = write(news[1], &failed, sizeof failed);
        (void)ignored;
        _exit(127);
    }
    if (child->pid < 0)
        failed = errno;
    close(news[1]);
    while (child->pid > 0 && read(news[0], &failed, sizeof failed) < 0 && errno == EINTR)
        continue;
    close(news[0]);
    if (child->pid > 0 && failed)
        kill_child(child);
    return failed;
}

static int open_pipe(int *ours, int *theirs, bool ours_writes)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    *ours = ends[ours_writes ? 1 : 0];
    *theirs = ends[ours_writes ? 0 : 1];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0 ? 0 : errno;
}

gs_status gs_child_open(gs_child **out, char *const argv[], const char *directory, const gs_stop *stop, gs_error *err)
{
    *out = NULL;
    gs_child *child = calloc(1, sizeof *child);
    if (!child)
        return gs_fail(err, GS_ENOMEM, "%s: no memory", argv[0]);
    child->stop = stop;
    child->input = child->output = child->errors = -1;
    int theirs[3] = {-1, -1, -1};
    int failed = open_pipe(&child->input, &theirs[0], true);
    if (!failed)
        failed = open_pipe(&child->output, &theirs[1], false);
    if (!failed)
        failed = open_pipe(&child->errors, &theirs[2], false);
    if (!failed)
        failed = spawn(child, argv, directory, theirs);
    for (int i = 0; i < 3; i++)
        close_end(&theirs[i]);
    if (!failed) {
        *out = child;
        return GS_OK;
    }
    close_end(&child->input);
    close_end(&child->output);
    close_end(&child->errors);
    free(child);
    return gs_fail(err, failed == ENOENT || failed == EACCES ? GS_ENOTFOUND : GS_EIO, "%s: cannot be started in %s: %s",
                   argv[0], directory, strerror(failed));
}

/* --- what it says --- */

static void remember(gs_child *child, const char *text, size_t size)
{
    if (size > LAST_WORDS) {
        text += size - LAST_WORDS;
        size = LAST_WORDS;
    }
    size_t keep = child->word_count + size > LAST_WORDS ? LAST_WORDS - size : child->word_count;
    memmove(child->words, child->words + child->word_count - keep, keep);
    memcpy(child->words + keep, text, size);
    child->word_count = keep + size;
}

/* Takes what lies in the standard error pipe, so that the child never waits for us to read it; but no more than a pipe
 * holds, so that a child that never stops talking does not keep us either. */
static void drain_errors(gs_child *child)
{
    char text[4096];
    for (int i = 0; i < 16 && child->errors >= 0; i++) {
        ssize_t got = read(child->errors, text, sizeof text);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            close_end(&child->errors);
            return;
        }
        remember(child, text, (size_t)got);
        ssize_t ignored = write(STDERR_FILENO, text, (size_t)got);
        (void)ignored; /* a log that cannot be written is no reason to stop */
    }
}

/* The last words on one line: lines are set apart by " | ", other control characters become spaces. */
static void format_words(const gs_child *child, char line[2 * LAST_WORDS])
{
    size_t used = 0;
    bool ended = false;
    for (size_t i = 0; i < child->word_count; i++) {
        char c = child->words[i];
        if (c == '\n' || c == '\r') {
            ended = used > 0;
            continue;
        }
        if (ended && used + 4 < 2 * LAST_WORDS) {
            memcpy(line + used, " | ", 3);
            used += 3;
        }
        ended = false;
        if (used + 1 < 2 * LAST_WORDS)
            line[used++] = (unsigned char)c < 0x20 ? ' ' : c;
    }
    line[used] = 0;
}

/* Waits until the child has ended, but leaves it a zombie, so that its process group's number stays taken. */
static bool has_ended(gs_child *child, double seconds, siginfo_t *info)
{
    double deadline = now() + seconds;
    for (;;) {
        info->si_pid = 0;
        if (waitid(P_PID, (id_t)child->pid, info, WEXITED | WNOHANG | WNOWAIT) == 0 && info->si_pid == child->pid)
            return true;
        if (now() >= deadline)
            return false;
        drain_errors(child);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

/* The end of the child's input or output was met: says how it ended. */
static gs_status report_end(gs_child *child, gs_error *err)
{
    siginfo_t info;
    char words[2 * LAST_WORDS], how[64] = "closed its output";
    bool ended = has_ended(child, 1.0, &info);
    if (ended && info.si_code == CLD_EXITED)
        snprintf(how, sizeof how, "ended with status %d", info.si_status);
    else if (ended)
        snprintf(how, sizeof how, "was killed by signal %d (%s)", info.si_status, strsignal(info.si_status));
    drain_errors(child);
    format_words(child, words);
    return gs_fail(err, GS_ECHILD, "%s%s%s", how, words[0] ? ": " : "", words);
}

static gs_status report_silence(gs_child *child, double seconds, gs_error *err)
{
    char words[2 * LAST_WORDS];
    format_words(child, words);
    return gs_fail(err, GS_ECHILD, "gave no sign for %g seconds%s%s", seconds, words[0] ? ": " : "", words);
}

/* --- talking to it --- */

/* Waits until fd is ready for events, reading the child's standard error meanwhile. GS_ECHILD when seconds went by, GS_ECANCELED on a
 * request to stop. */
static gs_status wait_ready(gs_child *child, int fd, short events, double seconds, gs_error *err)
{
    double deadline = now() + seconds;
    for (;;) {
        double left = deadline - now();
        struct pollfd ends[] = {{.fd = fd, .events = events},
                                {.fd = child->errors, .events = POLLIN},
                                {.fd = gs_stop_fd(child->stop), .events = POLLIN}};
        int ready = poll(ends, 3, left <= 0 ? 0 : left > 1000 ? 1000000 : (int)(left * 1000) + 1);
        if (ready > 0 && ends[1].revents)
            drain_errors(child);
        if (ready > 0 && ends[2].revents)
            return gs_fail(err, GS_ECANCELED, "was not waited for any longer");
        if (ready > 0 && ends[0].revents)
            return GS_OK;
        if (left <= 0)
            return report_silence(child, seconds, err);
    }
}

/* write() without the SIGPIPE of a reader that has gone, and without touching the caller's handling of that signal. */
static ssize_t write_quietly(int fd, const void *bytes, size_t size)
{
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    ssize_t done = write(fd, bytes, size);
    int failed = errno;
    if (done < 0 && failed == EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&pipe_signal, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return done;
}

gs_status gs_child_write(gs_child *child, const void *bytes, size_t size, double seconds, gs_error *err)
{
    const char *at = bytes;
    while (size > 0) {
        gs_status st = wait_ready(child, child->input, POLLOUT, seconds, err);
        if (st != GS_OK)
            return st;
        ssize_t done = write_quietly(child->input, at, size);
        if (done < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (done < 0)
            return report_end(child, err);
        at += done;
        size -= (size_t)done;
    }
    return GS_OK;
}

gs_status gs_child_read(gs_child *child, void *bytes, size_t size, double seconds, size_t *got, gs_error *err)
{
    *got = 0;
    for (;;) {
        gs_status st = wait_ready(child, child->output, POLLIN, seconds, err);
        if (st != GS_OK)
            return st;
        ssize_t count = read(child->output, bytes, size);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (count <= 0)
            return report_end(child, err);
        *got = (size_t)count;
        return GS_OK;
    }
}

bool gs_child_has_output(gs_child *child)
{
    struct pollfd end = {.fd = child->output, .events = POLLIN};
    return poll(&end, 1, 0) > 0 && (end.revents & POLLIN);
}

void gs_child_close(gs_child *child, double seconds)
{
    if (!child)
        return;
    siginfo_t info;
    close_end(&child->input);
    close_end(&child->output);
    has_ended(child, seconds, &info);
    kill_child(child);
    drain_errors(child);
    close_end(&child->errors);
    free(child);
}

void gs_child_kill_all(void)
{
    pthread_mutex_lock(&children_lock); /* for ever */
    for (gs_child *child = children; child; child = child->next)
        kill(-child->pid, SIGKILL);
}
