/*
 * picture.c - the picture as a PNG file, row by row. There is nothing in it but
 * the pixels, so that the same picture is the same bytes.
 *
 * libpng tells an error by a jump: each call of it stands in a function that
 * has set the place to jump to, and that reads no variable it changed since.
 */
#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mandelbrot.h"

enum {
	WRITTEN = 64 << 10 /* bytes of pixels at once, compressed */
};

struct picture {
	struct report *report;
	FILE *file;
	png_structp png;
	png_infop info;
	size_t row_bytes;
	char why[200];
};

/* The file to be removed if it does not become whole, for the signals too. */
static char *volatile unfinished;

static void discard(void)
{
	if (unfinished != NULL)
		unlink(unfinished);
}

static void end_by(int number)
{
	discard();
	raise(number); /* its action is the default again, once this returns */
}

/* Whoever has them ignored, or ended otherwise, has a reason to. */
static void catch_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGPIPE, SIGTERM };
	const struct sigaction action = { .sa_handler = end_by, .sa_flags = (int)SA_RESETHAND };
	struct sigaction before;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			sigaction(signals[i], &action, NULL);
	signal(SIGXFSZ, SIG_IGN); /* a file that becomes too big is an error like others */
}

/* Only what is a file is removed: /dev/full is to stay. By its own name, which
 * a link is not. */
static void guard(const struct settings *settings, FILE *file)
{
	struct stat status;

	if (strcmp(settings->name, "-") == 0)
		return;
	if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode))
		unfinished = realpath(settings->name, NULL);
}

static void unguard(bool whole)
{
	char *name = unfinished;

	if (!whole)
		discard();
	unfinished = NULL;
	free(name);
}

static FILE *open_standard(void)
{
	const int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	FILE *file = fd >= 0 ? fdopen(fd, "wb") : NULL;

	if (file == NULL && fd >= 0)
		close(fd);
	return file;
}

/* Without a buffer, of which each worker would have a copy, and write it too
 * where something flushes all at the end of a process, as valgrind does. */
static FILE *open_file(const char *name)
{
	FILE *file = strcmp(name, "-") == 0 ? open_standard() : fopen(name, "wbe");

	if (file != NULL)
		setvbuf(file, NULL, _IONBF, 0);
	return file;
}

/* libpng's own word for all that fwrite may suffer is "Write Error". */
static _Noreturn void fail(png_structp png, png_const_charp why)
{
	struct picture *picture = png_get_error_ptr(png);

	snprintf(picture->why, sizeof(picture->why), "%s",
		 ferror(picture->file) ? strerror(errno) : why);
	png_longjmp(png, 1);
}

static bool failed(struct picture *picture)
{
	report_error(picture->report, "%s", picture->why);
	return false;
}

static bool write_head(struct picture *picture, const struct settings *settings)
{
	if (setjmp(png_jmpbuf(picture->png)) != 0)
		return failed(picture);
	png_init_io(picture->png, picture->file);
	png_set_compression_buffer_size(picture->png, WRITTEN);
	png_set_IHDR(picture->png, picture->info, settings->columns, settings->rows, 8,
		     PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_write_info(picture->png, picture->info);
	return true;
}

static bool write_end(struct picture *picture)
{
	if (setjmp(png_jmpbuf(picture->png)) != 0)
		return failed(picture);
	png_write_end(picture->png, NULL);
	return true;
}

bool picture_write(struct picture *picture, const uint8_t *pixels, uint32_t n)
{
	if (setjmp(png_jmpbuf(picture->png)) != 0)
		return failed(picture);
	for (uint32_t i = 0; i < n; i++)
		png_write_row(picture->png, pixels + i * picture->row_bytes);
	return true;
}

static bool make_writer(struct picture *picture)
{
	picture->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, picture, fail, NULL);
	if (picture->png != NULL)
		picture->info = png_create_info_struct(picture->png);
	if (picture->info == NULL)
		report_error(picture->report, "%s", strerror(ENOMEM));
	return picture->info != NULL;
}

struct picture *picture_open(const struct settings *settings, struct report *report)
{
	struct picture *picture = calloc(1, sizeof(*picture));

	if (picture == NULL) {
		report_error(report, "%s", strerror(ENOMEM));
		return NULL;
	}
	picture->report = report;
	picture->row_bytes = (size_t)settings->columns * PIXEL_BYTES;
	catch_signals();
	picture->file = open_file(settings->name);
	if (picture->file == NULL) {
		report_error(report, "%s", strerror(errno));
		free(picture);
		return NULL;
	}
	guard(settings, picture->file);
	if (make_writer(picture) && write_head(picture, settings))
		return picture;
	picture_close(picture, false);
	return NULL;
}

void picture_close(struct picture *picture, bool whole)
{
	whole = whole && write_end(picture);
	png_destroy_write_struct(&picture->png, &picture->info);
	/* Some file systems tell an error only here. */
	if (fclose(picture->file) != 0 && whole) {
		report_error(picture->report, "%s", strerror(errno));
		whole = false;
	}
	unguard(whole);
	free(picture);
}
