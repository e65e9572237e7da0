/* cores.h: affinity, and the quotas of control groups as files that stand in for /sys/fs/cgroup. Products follow them. */
#include "indexer/util/cores.h"

#include "indexer/nn/backend.h"

#include <cblas.h>
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

static cpu_set_t all; /* the cores of the mask that this program was started with */

static void use_one_core(void)
{
    cpu_set_t one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
}

static void use_all_cores(void)
{
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void an_affinity_mask_is_obeyed(void **state)
{
    (void)state;
    use_one_core();
    assert_int_equal(gs_cores(), 1);
    use_all_cores();
    assert_true(gs_cores() >= 1 && gs_cores() <= (size_t)CPU_COUNT(&all));
}

/* The mask shrinks when OpenBLAS has counted it already, and so stands for a quota, which it does not count. */
static void products_use_no_more_threads_than_there_are_cores(void **state)
{
    (void)state;
    int before = openblas_get_num_threads();
    const gs_backend *onednn = gs_backend_onednn();
    use_one_core();
    openblas_set_num_threads(2);
    onednn->set_own_threads(2);
    gs_backend_follow_cores();
    assert_int_equal(openblas_get_num_threads(), 1);
    assert_int_equal(onednn->set_own_threads(1), 1);
    use_all_cores();
    gs_backend_follow_cores();
    assert_int_equal(openblas_get_num_threads(), 1); /* fewer than there are stay as few */
    openblas_set_num_threads(before);
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
        TEST(products_use_no_more_threads_than_there_are_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
