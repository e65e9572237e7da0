#include "indexer/util/cores.h"

#include <limits.h> /* PATH_MAX */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The cores of the affinity mask; 1 when it cannot be read. */
static size_t affine_cores(void)
{
    /* The kernel's mask may be larger than cpu_set_t's 1024 cores. */
    for (int cores = 1024; cores <= 1 << 20; cores *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cores);
        if (!set)
            break;
        size_t size = CPU_ALLOC_SIZE((size_t)cores);
        int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return (size_t)count;
    }
    return 1;
}

/* Reads up to two numbers of a file; "max" and what is not there count as -1. */
static void read_numbers(const char *path, double numbers[2])
{
    char text[64] = "";
    FILE *file = fopen(path, "re");
    numbers[0] = numbers[1] = -1;
    if (!file)
        return;
    if (!fgets(text, sizeof text, file) || sscanf(text, "%lf %lf", &numbers[0], &numbers[1]) < 1)
        numbers[0] = -1;
    fclose(file);
}

/* The quota of one group's folder in cores; 0: none. */
static double quota_of(const char *folder)
{
    char path[PATH_MAX + 32];
    double quota[2], period[2];
    snprintf(path, sizeof path, "%s/cpu.max", folder); /* version 2: "200000 100000" or "max 100000" */
    read_numbers(path, quota);
    if (quota[0] > 0 && quota[1] > 0)
        return quota[0] / quota[1];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder); /* version 1: -1 for none */
    read_numbers(path, quota);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    read_numbers(path, period);
    return quota[0] > 0 && period[0] > 0 ? quota[0] / period[0] : 0;
}

/* The smallest quota of the group and of those above it, which bound it too; 0: none. */
static double smallest_quota(const char *mount, const char *hierarchy, const char *group)
{
    char folder[PATH_MAX];
    int length = snprintf(folder, sizeof folder, "%s%s%s", mount, hierarchy, group);
    size_t root = strlen(mount) + strlen(hierarchy);
    double smallest = 0;
    if (length < 0 || (size_t)length >= sizeof folder)
        return 0;
    for (;;) {
        double quota = quota_of(folder);
        if (quota > 0 && (smallest == 0 || quota < smallest))
            smallest = quota;
        char *slash = strrchr(folder, '/');
        if (!slash || slash < folder + root)
            return smallest;
        *slash = '\0';
    }
}

/* Whether "cpu" is among the comma-separated controllers. */
static int has_cpu(const char *controllers)
{
    for (const char *at = controllers; at; at = strchr(at, ',')) {
        at += *at == ',';
        size_t length = strcspn(at, ",");
        if (length == 3 && memcmp(at, "cpu", 3) == 0)
            return 1;
    }
    return 0;
}

size_t gs_cores_of_groups(const char *groups, const char *mount)
{
    char line[PATH_MAX + 256];
    double smallest = 0;
    FILE *file = fopen(groups, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) { /* "0::/path", or "4:cpu,cpuacct:/path" */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        controllers++;
        *group++ = '\0';
        double quota = 0;
        if (!*controllers)
            quota = smallest_quota(mount, "", group);
        else if (has_cpu(controllers))
            quota = smallest_quota(mount, "/cpu", group); /* a link to the hierarchy, whatever its controllers are */
        if (quota > 0 && (smallest == 0 || quota < smallest))
            smallest = quota;
    }
    fclose(file);
    return smallest == 0 ? 0 : smallest < 1 ? 1 : (size_t)smallest;
}

size_t gs_cores(void)
{
    size_t cores = affine_cores(), quota = gs_cores_of_groups("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota > 0 && quota < cores ? quota : cores;
}
