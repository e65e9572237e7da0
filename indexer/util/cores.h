/* cores.h - how many processor cores this process may use.
 *
 *     size_t threads = gs_cores();
 *
 * The smallest of the cores that are online, those of the process's affinity mask (taskset, Slurm), and the CPU quota of its control
 * group (containers). More threads than that wait for each other instead of working.
 */
#ifndef GS_CORES_H
#define GS_CORES_H

#include <stddef.h>

/* At least 1. */
size_t gs_cores(void);

/* The whole cores of the quotas that hold for the groups in a file like /proc/self/cgroup, whose hierarchies are mounted below mount
 * (/sys/fs/cgroup), at least 1; 0: there is no quota. Versions 1 and 2. For gs_cores(), and its tests. */
size_t gs_cores_of_groups(const char *groups, const char *mount);

#endif
