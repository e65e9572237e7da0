/* cores.h: affinity, and the quotas of control groups as files that stand in for /sys/fs/cgroup. */
#include "indexer/util/cores.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gensearch-cores-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Writes text to a file below the folder, whose parents are made. */
static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static size_t cores(void)
{
    char groups[96];
    snprintf(groups, sizeof groups, "%s/cgroup", folder);
    return gs_cores_of_groups(groups, folder);
}

static void a_quota_of_version_2_counts_in_whole_cores(void **state)
{
    (void)state;
    put("cgroup", "0::/job\n");
    put("job/cpu.max", "250000 100000\n");
    assert_int_equal(cores(), 2);
    put("job/cpu.max", "50000 100000\n");
    assert_int_equal(cores(), 1);
    put("job/cpu.max", "max 100000\n");
    assert_int_equal(cores(), 0);
}

static void the_smallest_quota_on_the_way_up_holds(void **state)
{
    (void)state;
    put("cgroup", "0::/slice/job\n");
    put("slice/cpu.max", "300000 100000\n");
    put("slice/job/cpu.max", "800000 100000\n");
    assert_int_equal(cores(), 3);
}

static void a_quota_of_version_1_is_that_of_the_cpu_controller(void **state)
{
    (void)state;
    put("cgroup", "5:memory:/m\n4:cpu,cpuacct:/job\n3:cpuset:/s\n0::/\n");
    put("cpu/job/cpu.cfs_quota_us", "400000\n");
    put("cpu/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cores(), 4);
    put("cpu/job/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(cores(), 0);
}

/* In a container without a namespace of its own the path is the host's, and what is mounted is the container's own group. */
static void a_path_that_is_not_there_falls_back_to_the_mount(void **state)
{
    (void)state;
    put("cgroup", "4:cpu,cpuacct:/docker/0123\n");
    put("cpu/cpu.cfs_quota_us", "200000\n");
    put("cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cores(), 2);
}

static void without_groups_there_is_no_quota(void **state)
{
    (void)state;
    assert_int_equal(cores(), 0);
    put("cgroup", "no such line\n");
    assert_int_equal(cores(), 0);
}

static void an_affinity_mask_is_obeyed(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_true(gs_cores() >= 1 && gs_cores() <= (size_t)CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(gs_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_quota_of_version_2_counts_in_whole_cores),
        TEST(the_smallest_quota_on_the_way_up_holds),
        TEST(a_quota_of_version_1_is_that_of_the_cpu_controller),
        TEST(a_path_that_is_not_there_falls_back_to_the_mount),
        TEST(without_groups_there_is_no_quota),
        TEST(an_affinity_mask_is_obeyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
