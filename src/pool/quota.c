/*
 * quota.c - finds the CPU quotas above this process, by what cgroups(7),
 * cgroup_namespaces(7) and proc_pid_mountinfo(5) say of these files.
 *
 * One hierarchy has the cpu controller: that of version 1 which names it, or else
 * that of version 2. /proc says which group of it is ours, and each mount of it
 * which group it shows as its root; both as seen from the cgroup namespace, above
 * whose own root are "/..", "/../..", and so on. A quota holds for all below, so
 * what counts is the least one from our group up to the mount's root.
 */
#include "pool/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/px.h"
#include "base/raw.h"

enum {
	PX_LINE_MOST = 4096, /* bytes; what is longer is no mount of a cgroup */
	PX_PATH_MOST = 2048,
	PX_TEXT_MOST = 128,    /* of a file with a quota */
	PX_READ_MOST = 1 << 20 /* of a file of /proc: some thousand mounts */
};

/* A file, line by line. */
struct px_lines {
	int fd;
	size_t left;       /* bytes that may still be read */
	size_t begin, end; /* of what is not handed out yet */
	char text[PX_LINE_MOST];
};

struct px_quota {
	const char *root;
	bool v1;
	size_t length; /* of path */
	uint32_t cpus; /* the least so far */
	char group[PX_PATH_MOST];
	char path[PX_PATH_MOST]; /* of a file or directory */
	struct px_lines lines;
};

/* Puts more behind the path; false if it gets too long. */
static bool px_path_add(struct px_quota *quota, const char *more)
{
	const size_t size = strlen(more);

	if (size >= sizeof(quota->path) - quota->length)
		return false;
	memcpy(quota->path + quota->length, more, size + 1);
	quota->length += size;
	return true;
}

static bool px_path_set(struct px_quota *quota, const char *path)
{
	quota->length = 0;
	return px_path_add(quota, quota->root) && px_path_add(quota, path);
}

static void px_path_cut(struct px_quota *quota, size_t length)
{
	quota->length = length;
	quota->path[length] = '\0';
}

/* Not by the C library's functions: those are cancellation points. */
static int px_path_open(const struct px_quota *quota, int flags)
{
	return (int)px_raw(SYS_openat, AT_FDCWD, (long)quota->path, flags | O_CLOEXEC, 0);
}

static void px_path_close(int fd)
{
	(void)px_raw(SYS_close, fd, 0, 0, 0);
}

static bool px_lines_open(struct px_quota *quota, const char *name)
{
	struct px_lines *lines = &quota->lines;

	lines->left = PX_READ_MOST;
	lines->begin = lines->end = 0;
	if (!px_path_set(quota, name))
		return false;
	lines->fd = px_path_open(quota, O_RDONLY);
	return lines->fd >= 0;
}

/* Reads behind what is there; false at the end. */
static bool px_lines_fill(struct px_lines *lines)
{
	const size_t room = px_min(sizeof(lines->text) - lines->end, lines->left);
	const long got =
		px_raw(SYS_read, lines->fd, (long)(lines->text + lines->end), (long)room, 0);

	if (got <= 0)
		return false;
	lines->end += (size_t)got;
	lines->left -= (size_t)got;
	return true;
}

/* The next line without its end, good until the next call, or NULL. One that does
 * not fit is passed over. */
static char *px_lines_next(struct px_lines *lines)
{
	bool whole = true;

	for (;;) {
		char *line = lines->text + lines->begin;
		char *end = memchr(line, '\n', lines->end - lines->begin);

		if (end != NULL) {
			lines->begin = (size_t)(end + 1 - lines->text);
			*end = '\0';
			if (whole)
				return line;
			whole = true;
			continue;
		}
		lines->end -= lines->begin;
		memmove(lines->text, line, lines->end);
		lines->begin = 0;
		if (lines->end == sizeof(lines->text)) {
			whole = false;
			lines->end = 0;
		}
		if (!px_lines_fill(lines))
			return NULL;
	}
}

/* Whether a list with commas has the word. */
static bool px_listed(const char *list, const char *word)
{
	const size_t size = strlen(word);

	for (; list != NULL; list = strchr(list, ',')) {
		list += *list == ',';
		if (strncmp(list, word, size) == 0 && (list[size] == ',' || list[size] == '\0'))
			return true;
	}
	return false;
}

/* Lines are "number:controllers:group", version 2 without controllers. */
static bool px_find_group(struct px_quota *quota)
{
	bool found = false;
	char *line;

	if (!px_lines_open(quota, "/proc/thread-self/cgroup"))
		return false;
	while (!quota->v1 && (line = px_lines_next(&quota->lines)) != NULL) {
		char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
		const bool v1 = controllers != NULL && px_listed(controllers, "cpu");

		if (line == NULL || strlen(line) >= sizeof(quota->group) ||
		    (!v1 && (strcmp(number, "0") != 0 || *controllers != '\0')))
			continue;
		quota->v1 = v1;
		found = true;
		memcpy(quota->group, line, strlen(line) + 1);
	}
	px_path_close(quota->lines.fd);
	return found;
}

/* Reads a number and goes behind it. */
static bool px_number(const char **text, uint64_t *number_out)
{
	const char *begun = *text;

	*number_out = 0;
	for (; **text >= '0' && **text <= '9'; ++*text)
		if (!px_multiply(*number_out, 10, number_out) ||
		    !px_add(*number_out, (uint64_t)(**text - '0'), number_out))
			return false;
	return *text != begun;
}

/* Of "quota period", in one line or two, in microseconds. The quota may be a word,
 * or less than 0: there is none. */
static uint32_t px_cpus_of(const char *text)
{
	uint64_t quota, period;

	if (!px_number(&text, &quota) || (*text != ' ' && *text != '\n'))
		return PX_QUOTA_NONE;
	text++;
	if (!px_number(&text, &period) || *text != '\n' || quota == 0 || period == 0)
		return PX_QUOTA_NONE;
	return (uint32_t)px_min(px_divide_up(quota, period), PX_QUOTA_NONE);
}

/* Reads a file of the directory at quota->path behind what the text has. Its size
 * then; 0 without such a file. */
static size_t px_read_text(struct px_quota *quota, const char *name, char *text, size_t size)
{
	const size_t directory = quota->length;
	long got = 0;
	int fd = -1;

	if (px_path_add(quota, name))
		fd = px_path_open(quota, O_RDONLY);
	if (fd >= 0) {
		got = px_raw(SYS_read, fd, (long)(text + size), (long)(PX_TEXT_MOST - 1 - size), 0);
		px_path_close(fd);
	}
	px_path_cut(quota, directory);
	size = got > 0 ? size + (size_t)got : 0;
	text[size] = '\0';
	return size;
}

/* That of the group whose directory is at quota->path. */
static uint32_t px_cpus_here(struct px_quota *quota)
{
	char text[PX_TEXT_MOST];
	size_t size;

	if (!quota->v1)
		return px_read_text(quota, "/cpu.max", text, 0) > 0 ? px_cpus_of(text)
								    : PX_QUOTA_NONE;
	size = px_read_text(quota, "/cpu.cfs_quota_us", text, 0);
	/* Below 0: then the period does not matter. */
	if (size == 0 || *text == '-' || px_read_text(quota, "/cpu.cfs_period_us", text, size) == 0)
		return PX_QUOTA_NONE;
	return px_cpus_of(text);
}

/* Whether a path goes on with ".." from here. */
static bool px_goes_up(const char *path)
{
	return strncmp(path, "/..", 3) == 0 && (path[3] == '/' || path[3] == '\0');
}

/* Where the group lies below the mount's root, "" or "/...", or NULL if that mount
 * does not show it. */
static const char *px_below(const char *root, const char *group)
{
	size_t size;

	for (; px_goes_up(root) && px_goes_up(group); root += 3)
		group += 3;
	if (px_goes_up(group))
		return NULL;
	if (px_goes_up(root)) {
		/* Above the namespace's root, so above our group too, unless it goes down
		 * again. But the groups between have no names for us. */
		while (px_goes_up(root))
			root += 3;
		return *root == '\0' ? "" : NULL;
	}
	size = strcmp(root, "/") == 0 ? 0 : strlen(root);
	if (strncmp(group, root, size) != 0 || (group[size] != '/' && group[size] != '\0'))
		return NULL;
	return strcmp(group + size, "/") == 0 ? "" : group + size;
}

/* "\040" is a space: in place, as the kernel writes what would part fields. */
static void px_unescape(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

/* Whether our hierarchy is mounted: "type source options". */
static bool px_is_ours(const struct px_quota *quota, char *mounted)
{
	const char *type = strsep(&mounted, " "), *source = strsep(&mounted, " ");

	if (!quota->v1)
		return strcmp(type, "cgroup2") == 0;
	return strcmp(type, "cgroup") == 0 && source != NULL && px_listed(mounted, "cpu");
}

/* From the group up to the mount's root, whose path has [top] bytes. */
static void px_climb(struct px_quota *quota, size_t top)
{
	for (;;) {
		quota->cpus = (uint32_t)px_min(quota->cpus, px_cpus_here(quota));
		if (quota->length <= top)
			return;
		px_path_cut(quota, (size_t)(strrchr(quota->path, '/') - quota->path));
	}
}

/* Whether the directory at quota->path is one of a group: another mount may lie on
 * what we look at. */
static bool px_is_group(struct px_quota *quota)
{
	const size_t directory = quota->length;
	int fd = -1;

	if (px_path_add(quota, "/cgroup.procs"))
		fd = px_path_open(quota, O_PATH);
	if (fd >= 0)
		px_path_close(fd);
	px_path_cut(quota, directory);
	return fd >= 0;
}

/* A line is "id parent device root point options [more] - type source options".
 * True if no other mount can show more. */
static bool px_look_at_mount(struct px_quota *quota, char *line)
{
	char *mounted = strstr(line, " - "), *root, *point;
	const char *below;
	bool whole;

	if (mounted == NULL || !px_is_ours(quota, mounted + 3))
		return false;
	*mounted = '\0';
	for (int field = 0; field < 3; field++)
		(void)strsep(&line, " ");
	root = strsep(&line, " ");
	point = strsep(&line, " ");
	if (root == NULL || point == NULL)
		return false;
	px_unescape(root);
	px_unescape(point);
	below = px_below(root, quota->group);
	if (below == NULL || !px_path_set(quota, point) || !px_path_add(quota, below))
		return false;
	whole = strcmp(root, "/") == 0 && px_is_group(quota);
	px_climb(quota, quota->length - strlen(below));
	return whole;
}

uint32_t px_quota_cpus(const char *root)
{
	struct px_quota quota;
	const int saved = errno;
	char *line;

	quota.root = root;
	quota.v1 = false;
	quota.cpus = PX_QUOTA_NONE;
	if (px_find_group(&quota) && px_lines_open(&quota, "/proc/thread-self/mountinfo")) {
		do
			line = px_lines_next(&quota.lines);
		while (line != NULL && !px_look_at_mount(&quota, line));
		px_path_close(quota.lines.fd);
	}
	errno = saved;
	return quota.cpus;
}
