/* pool/quota: what groups leave of the CPUs, told by directories of made files. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pool/config.h"
#include "pool/quota.h"
#include "pxt.h"

#define MOUNT2 "31 22 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define OTHERS                                                                                     \
 "22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"                                        \
 "23 22 0:22 / /proc rw,nosuid shared:12 master:3 - proc proc rw\n"

static char root[64];

static int remove_entry(const char *path, const struct stat *unused, int kind, struct FTW *where)
{
	(void)unused;
	(void)kind;
	(void)where;
	return remove(path);
}

static int set_up(void **state)
{
	strcpy(root, "/tmp/pxt-quota-XXXXXX");
	return mkdtemp(root) == NULL || pxt_before(state);
}

static int tear_down(void **state)
{
	return pxt_after(state) || nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Writes a file below the root, and the directories above it. */
static void put_bytes(const char *name, const void *bytes, size_t size)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		pxt_check(mkdir(path, 0777) == 0 || errno == EEXIST);
		*at = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	pxt_check(fd >= 0);
	pxt_equal(write(fd, bytes, size), size);
	close(fd);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void put_proc(const char *groups, const char *mounts)
{
	put("/proc/thread-self/cgroup", groups);
	put("/proc/thread-self/mountinfo", mounts);
}

/* A group of version 2 at a path, with a quota or without. */
static void put_group(const char *path, const char *quota)
{
	char name[3000];

	snprintf(name, sizeof(name), "%s/cgroup.procs", path);
	put(name, "");
	snprintf(name, sizeof(name), "%s/cpu.max", path);
	if (quota != NULL)
		put(name, quota);
}

/* And of version 1. */
static void put_group1(const char *path, const char *quota, const char *period)
{
	char name[3000];

	put_group(path, NULL);
	snprintf(name, sizeof(name), "%s/cpu.cfs_quota_us", path);
	put(name, quota);
	snprintf(name, sizeof(name), "%s/cpu.cfs_period_us", path);
	put(name, period);
}

static uint32_t cpus(void)
{
	uint32_t found;

	errno = 77;
	found = px_quota_cpus(root);
	pxt_equal(errno, 77);
	return found;
}

static void quotas_are_rounded_up(void **state)
{
	static const struct {
		const char *text;
		uint32_t cpus;
	} known[] = {
		{ "max 100000\n", PX_QUOTA_NONE },
		{ "100000 100000\n", 1 },
		{ "1000 100000\n", 1 },
		{ "100001 100000\n", 2 },
		{ "150000 100000\n", 2 },
		{ "400000 50000\n", 8 },
		{ "18446744073709551615 1000\n", PX_QUOTA_NONE },
	};

	(void)state;
	put_proc("0::/a\n", OTHERS MOUNT2);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		put_group("/sys/fs/cgroup/a", known[i].text);
		pxt_equal(cpus(), known[i].cpus);
	}
}

static void the_least_quota_above_counts(void **state)
{
	(void)state;
	put_proc("0::/a/b c/d\n", OTHERS MOUNT2);
	put_group("/sys/fs/cgroup", NULL);
	put_group("/sys/fs/cgroup/a", "300000 100000\n");
	put_group("/sys/fs/cgroup/a/b c", "max 100000\n");
	put_group("/sys/fs/cgroup/a/b c/d", "700000 100000\n");
	/* Neither of these is above us. */
	put_group("/sys/fs/cgroup/a/b c/d/e", "100000 100000\n");
	put_group("/sys/fs/cgroup/a/b", "100000 100000\n");
	pxt_equal(cpus(), 3);
	put_group("/sys/fs/cgroup/a/b c", "2000 1000\n");
	pxt_equal(cpus(), 2);
	/* Inside a namespace the root has one too. */
	put_group("/sys/fs/cgroup", "50000 100000\n");
	pxt_equal(cpus(), 1);
}

/* A group that was removed while we were in it: those above are still there. */
static void a_group_without_directory_has_those_above(void **state)
{
	(void)state;
	put_proc("0::/a/b (deleted)\n", OTHERS MOUNT2);
	put_group("/sys/fs/cgroup/a", "300000 100000\n");
	pxt_equal(cpus(), 3);
}

static void nonsense_is_no_quota(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		" \n",
		"max",
		"max max\n",
		"100000\n",
		"100000",
		"100000 \n",
		"100000 x\n",
		"100000 100000 1\n",
		"100000  100000\n",
		" 100000 100000\n",
		"100000 0\n",
		"0 100000\n",
		"-100000 100000\n",
		"+100000 100000\n",
		"0x10 1\n",
		"1e5 100000\n",
		"18446744073709551616 100000\n",
		"100000 99999999999999999999999999\n",
		"100000 100000",
	};
	char long_text[4096];

	(void)state;
	put_proc("0::/a\n", OTHERS MOUNT2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_group("/sys/fs/cgroup/a", bad[i]);
		if (cpus() != PX_QUOTA_NONE)
			pxt_failed(__FILE__, __LINE__, "\"%s\" is taken", bad[i]);
	}
	put_bytes("/sys/fs/cgroup/a/cpu.max", "1\0 1\n", 5);
	pxt_equal(cpus(), PX_QUOTA_NONE);
	memset(long_text, '0', sizeof(long_text));
	put_bytes("/sys/fs/cgroup/a/cpu.max", long_text, sizeof(long_text));
	pxt_equal(cpus(), PX_QUOTA_NONE);
}

static void nonsense_in_proc_is_no_quota(void **state)
{
	static const char *const groups[] = {
		"",
		"\n",
		":",
		"::",
		"0\n",
		"0:\n",
		"0::",
		"0::\n",
		"1::/a\n",
		"0:x:/a\n",
		"4:xcpu,cpux,cpuacct,cpuset:/a\n",
		"4:memory:/a\n",
	};
	static const char *const mounts[] = {
		"",
		"\n",
		" - \n",
		" - cgroup2\n",
		"31 22 0:27 - cgroup2 cgroup2 rw\n",
		"31 22 0:27 / - cgroup2 cgroup2 rw\n",
		"31 22 0:27 / /sys/fs/cgroup rw\n",
		"31 22 0:27 / /sys/fs/cgroup rw -\n",
		"31 22 0:27 / /sys/fs/cgroup rw - cgroup2x cgroup2 rw\n",
		"31 22 0:27 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu\n",
		"31 22 0:27 / /sys/fs/cgroup rw - tmpfs cgroup2 cgroup2\n",
		"31 22 0:27 /b /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
	};

	(void)state;
	pxt_equal(cpus(), PX_QUOTA_NONE);
	put_group("/sys/fs/cgroup/a", "100000 100000\n");
	put_proc("0::/a\n", OTHERS MOUNT2);
	pxt_equal(cpus(), 1);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		put_proc(groups[i], OTHERS MOUNT2);
		pxt_equal(cpus(), PX_QUOTA_NONE);
	}
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		put_proc("0::/a\n", mounts[i]);
		pxt_equal(cpus(), PX_QUOTA_NONE);
	}
}

static void version_one_has_two_files(void **state)
{
	const char *const groups = "5:memory:/m\n3:cpuset,cpuacct:/s\n2:cpuacct,cpu:/a/b\n0::/u\n";
	const char *const mounts =
		OTHERS "33 22 0:27 / /cg/memory rw - cgroup cgroup rw,memory\n"
		       "35 22 0:29 / /cg/cpuset rw - cgroup cgroup rw,cpuset,cpuacct\n"
		       "34 22 0:28 / /cg/cpu rw shared:9 - cgroup cgroup rw,cpuacct,cpu\n";

	(void)state;
	put_proc(groups, mounts);
	put_group1("/cg/cpu", "-1\n", "100000\n");
	put_group1("/cg/cpu/a", "450000\n", "100000\n");
	put_group1("/cg/cpu/a/b", "-1\n", "100000\n");
	put_group1("/cg/cpuset/a", "100000\n", "100000\n");
	put_group1("/cg/memory/a", "100000\n", "100000\n");
	pxt_equal(cpus(), 5);
	put_group1("/cg/cpu/a/b", "20000\n", "10000\n");
	pxt_equal(cpus(), 2);
	put_group1("/cg/cpu/a/b", "20000\n", "0\n");
	pxt_equal(cpus(), 5);
	put_group1("/cg/cpu/a/b", "20000\n", "");
	pxt_equal(cpus(), 5);
	put_group1("/cg/cpu/a/b", "20000", "10000\n");
	pxt_equal(cpus(), 5);
}

/* Where both versions are mounted, the controller is in one of them. */
static void in_a_hybrid_the_controller_says_which(void **state)
{
	const char *const mounts = OTHERS "41 22 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n"
					  "34 22 0:28 / /cg/cpu rw - cgroup cgroup rw,cpu\n";

	(void)state;
	put_group("/cg/unified/a", "100000 100000\n");
	put_group1("/cg/cpu/a", "300000\n", "100000\n");
	for (int first = 0; first < 2; first++) {
		put_proc(first ? "0::/a\n2:cpu:/a\n" : "2:cpu:/a\n0::/a\n", mounts);
		pxt_equal(cpus(), 3);
	}
	put_proc("5:name=systemd:/a\n2:memory:/b\n0::/a\n", mounts);
	pxt_equal(cpus(), 1);
}

static void check_place(const char *group, const char *mount_root, uint32_t expected)
{
	char groups[300], mounts[1000];

	snprintf(groups, sizeof(groups), "0::%s\n", group);
	snprintf(mounts, sizeof(mounts), OTHERS "31 22 0:27 %s /cg rw - cgroup2 none rw\n",
		 mount_root);
	put_proc(groups, mounts);
	if (cpus() != expected)
		pxt_failed(__FILE__, __LINE__, "%s in a mount of %s: %u", group, mount_root,
			   cpus());
}

/* Group and mount's root as a namespace shows them. */
static void a_mount_may_show_a_part(void **state)
{
	(void)state;
	put_group("/cg", "600000 100000\n");
	put_group("/cg/a", "500000 100000\n");
	put_group("/cg/a/b", "400000 100000\n");
	check_place("/", "/", 6);
	check_place("/a", "/", 5);
	check_place("/a/b", "/", 4);
	/* A container without a namespace of its own sees its group as the root. */
	check_place("/docker/1", "/docker/1", 6);
	check_place("/docker/1/a", "/docker/1", 5);
	check_place("/docker/12", "/docker/1", PX_QUOTA_NONE);
	check_place("/docker", "/docker/1", PX_QUOTA_NONE);
	check_place("/user", "/docker/1", PX_QUOTA_NONE);
	/* A mount from before the namespace: above us, and we do not know how far. */
	check_place("/", "/..", 6);
	check_place("/a/b", "/../..", 6);
	check_place("/../a", "/../..", 6);
	/* We were moved out of our namespace. */
	check_place("/../a", "/", PX_QUOTA_NONE);
	check_place("/../a", "/..", 5);
	check_place("/../../a/b", "/../..", 4);
	check_place("/../x/a", "/../x", 5);
	check_place("/../../a", "/..", PX_QUOTA_NONE);
	/* Another part of the tree. */
	check_place("/a", "/../a", PX_QUOTA_NONE);
	check_place("/..a", "/", 6);
	check_place("/...", "/...", 6);
}

static void names_of_mounts_are_escaped(void **state)
{
	(void)state;
	put_proc("0::/x y/a\n",
		 OTHERS "31 22 0:27 /x\\040y /c\\134g\\011\\040\\012d rw - cgroup2 none rw\n");
	put_group("/c\\g\t \nd/a", "200000 100000\n");
	pxt_equal(cpus(), 2);
	/* What only looks like it. */
	put_proc("0::/a\n", OTHERS "31 22 0:27 / /c\\9\\1\\08 rw - cgroup2 none rw\n");
	put_group("/c\\9\\1\\08/a", "300000 100000\n");
	pxt_equal(cpus(), 3);
}

/* One that another lies on shows nothing; a part may be mounted before the whole. */
static void all_mounts_are_looked_at(void **state)
{
	(void)state;
	put_proc("0::/a/b\n", OTHERS "31 22 0:27 / /hidden rw - cgroup2 none rw\n"
				     "32 22 0:27 /c /other rw - cgroup2 none rw\n"
				     "33 22 0:27 /a/b /part rw - cgroup2 none rw\n"
				     "34 22 0:27 / /whole rw - cgroup2 none rw\n"
				     "35 22 0:27 / /again rw - cgroup2 none rw\n");
	put("/hidden/file", "");
	put_group("/other", "100000 100000\n");
	put_group("/part", "800000 100000\n");
	pxt_equal(cpus(), 8);
	put_group("/whole/a/b", "800000 100000\n");
	put_group("/whole/a", "400000 100000\n");
	put_group("/again/a/b", "100000 100000\n");
	pxt_equal(cpus(), 4);
}

/* Whatever stands before it, at whatever offset, the line is found. */
static void long_lines_and_many_lines_are_passed_over(void **state)
{
	static char mounts[1200000];
	size_t size;

	(void)state;
	put_group("/sys/fs/cgroup/a", "200000 100000\n");
	for (size_t length = 3900; length < 8400; length += 37) {
		memset(mounts, 'x', length);
		strcpy(mounts + length, "\n" MOUNT2);
		put_proc("0::/a\n", mounts);
		pxt_equal(cpus(), 2);
	}
	for (size = 0; size < 1000000; size += strlen(OTHERS))
		strcpy(mounts + size, OTHERS);
	strcpy(mounts + size, MOUNT2);
	put_proc("0::/a\n", mounts);
	pxt_equal(cpus(), 2);
	/* There is an end to it. */
	for (; size < 1100000; size += strlen(OTHERS))
		strcpy(mounts + size, OTHERS);
	strcpy(mounts + size, MOUNT2);
	put_proc("0::/a\n", mounts);
	pxt_equal(cpus(), PX_QUOTA_NONE);
}

static void paths_that_are_too_long_have_no_quota(void **state)
{
	static char group[3000];
	size_t length;

	(void)state;
	put_group("/sys/fs/cgroup", "200000 100000\n");
	for (length = 1900; length < 2100; length++) {
		memset(group, 'a', sizeof(group));
		for (size_t i = 0; i < length; i += 100)
			group[3 + i] = '/';
		memcpy(group, "0::", 3);
		strcpy(group + 3 + length, "\n");
		put_proc(group, OTHERS MOUNT2);
		/* While there is room for the path, that of the root counts. */
		if (cpus() != 2)
			break;
	}
	pxt_check(length > 1950 && length < 2048);
	for (; length < 2100; length++) {
		memset(group, 'a', sizeof(group));
		memcpy(group, "0::/", 4);
		strcpy(group + 3 + length, "\n");
		put_proc(group, OTHERS MOUNT2);
		pxt_equal(cpus(), PX_QUOTA_NONE);
	}
}

enum {
	CANNOT = 77
};

static void cover(const char *name, const char *with)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", root, with);
	if (mount(path, name, NULL, MS_BIND, NULL) != 0)
		_exit(CANNOT);
}

/* Lays the made files over those of /proc, where only this process sees it. */
static void resolve_in_a_container(void *expected)
{
	struct px_config config;
	const char *why;
	cpu_set_t set;

	/* With one CPU there is nothing to see. */
	if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 2)
		_exit(CANNOT);
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		_exit(CANNOT);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		_exit(CANNOT);
	cover("/proc/thread-self/cgroup", "/proc/thread-self/cgroup");
	cover("/proc/thread-self/mountinfo", "/proc/thread-self/mountinfo");
	pxt_equal(px_config_resolve(NULL, &config, &why), 0);
	pxt_equal(config.workers, *(const uint32_t *)expected);
	pxt_equal(config.window_items, 1024 * config.workers);
	/* Who says how many gets as many. */
	pxt_equal(px_config_resolve(PROCS_OPTIONS(.workers = 7), &config, &why), 0);
	pxt_equal(config.workers, 7);
}

static void the_default_of_workers_is_no_more(void **state)
{
	char mounts[1000];

	(void)state;
	snprintf(mounts, sizeof(mounts), "31 22 0:27 / %s/cg rw - cgroup2 none rw\n", root);
	put_proc("0::/a\n", mounts);
	for (uint32_t cpus = 1; cpus <= 2; cpus++) {
		int status;

		put_group("/cg/a", cpus == 1 ? "100000 100000\n" : "200000 100000\n");
		status = pxt_run(resolve_in_a_container, &cpus);
		if (status == CANNOT << 8)
			skip();
		pxt_equal(status, 0);
	}
}

/* Of this process itself nothing is known, but that it is not in danger. */
static void the_real_ones_can_be_read(void **state)
{
	(void)state;
	pxt_check(px_quota_cpus("") >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(quotas_are_rounded_up),
		test(the_least_quota_above_counts),
		test(a_group_without_directory_has_those_above),
		test(nonsense_is_no_quota),
		test(nonsense_in_proc_is_no_quota),
		test(version_one_has_two_files),
		test(in_a_hybrid_the_controller_says_which),
		test(a_mount_may_show_a_part),
		test(names_of_mounts_are_escaped),
		test(all_mounts_are_looked_at),
		test(long_lines_and_many_lines_are_passed_over),
		test(paths_that_are_too_long_have_no_quota),
		test(the_default_of_workers_is_no_more),
		test(the_real_ones_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
