/*
 * check.c - the task: one file, read and digested.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "verify.h"

PROCS_STRUCT(struct sum, uint8_t, bytes);
PROCS_STRUCT(struct finding, uint64_t, size, struct sum, sum);

enum {
	CHUNK = 256 * 1024
};

/* Links in the path lead no further than the root. */
static int open_below(const char *root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)flags, .resolve = RESOLVE_IN_ROOT };
	const int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (directory < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
	if (fd < 0 && errno == ENOSYS)
		fd = openat(directory, path + strspn(path, "/"), flags);
	close(directory);
	return fd;
}

/* Without touching the time of access where that is allowed; a FIFO must not
 * hold us up. */
static int open_file(const char *root, const char *path)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = root != NULL ? open_below(root, path, flags | O_NOATIME)
			      : open(path, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = root != NULL ? open_below(root, path, flags) : open(path, flags);
	return fd;
}

/* One context and one buffer a worker. */
static EVP_MD_CTX *digest_context(void)
{
	static EVP_MD_CTX *context;
	static EVP_MD *md5;

	if (md5 == NULL)
		md5 = EVP_MD_fetch(NULL, "MD5", NULL);
	if (context == NULL)
		context = EVP_MD_CTX_new();
	if (md5 == NULL || context == NULL || EVP_DigestInit_ex2(context, md5, NULL) != 1)
		return NULL;
	return context;
}

static int digest_file(int fd, struct finding *finding)
{
	static unsigned char buffer[CHUNK];
	EVP_MD_CTX *context = digest_context();
	unsigned length = sizeof(finding->sum.bytes);
	ssize_t got;

	if (context == NULL)
		return ENOMEM;
	while ((got = read(fd, buffer, sizeof(buffer))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (EVP_DigestUpdate(context, buffer, (size_t)got) != 1)
			return ENOMEM;
		finding->size += (uint64_t)got;
	}
	return EVP_DigestFinal_ex(context, finding->sum.bytes, &length) == 1 ? 0 : ENOMEM;
}

static int examine(int fd, struct finding *finding)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return errno;
	if (S_ISDIR(status.st_mode))
		return EISDIR;
	return S_ISREG(status.st_mode) ? digest_file(fd, finding) : ENOTSUP;
}

PROCS_BODY2(struct finding, check_file, const char *, root, const char *, path)
{
	struct finding finding = { 0 };
	const int fd = open_file(root, path);
	int error = fd < 0 ? errno : 0;

	if (error == 0)
		error = examine(fd, &finding);
	if (fd >= 0)
		close(fd);
	if (error == EISDIR || error == ENOTSUP)
		procs_fail(error, "not a regular file");
	else if (error != 0)
		procs_fail(error, "%s", strerror(error));
	return finding;
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sum_parse(const char *text, struct sum *sum_out)
{
	for (size_t i = 0; i < sizeof(sum_out->bytes); i++) {
		const int high = digit_of(text[2 * i]);
		const int low = high < 0 ? -1 : digit_of(text[2 * i + 1]);

		if (low < 0)
			return false;
		sum_out->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
