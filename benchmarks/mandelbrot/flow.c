/*
 * flow.c - rows from the workers into the picture, each as soon as it is its
 * turn: no more of the picture than the window is ever in memory.
 */
#include <errno.h>
#include <string.h>

#include "mandelbrot.h"

enum {
	AHEAD = 16 << 20 /* bytes of rows that wait for their turn */
};

/* The rows of an outcome, from `first` on. */
static bool take(const struct procs_result *result, const struct settings *settings, uint32_t first,
		 uint32_t n, struct picture *picture, struct report *report)
{
	char why[512];
	size_t size;
	const uint8_t *pixels = procs_view(result, &size);

	if (result->failed != NULL) {
		procs_failed_text(result->failed, why, sizeof(why));
		report_error(report, "rows %u to %u are missing: %s", first, first + n - 1, why);
		return false;
	}
	if (size != (size_t)n * settings->columns * PIXEL_BYTES) {
		report_error(report, "rows %u to %u: %s", first, first + n - 1, strerror(EBADMSG));
		return false;
	}
	return picture_write(picture, pixels, n);
}

/* A picture without one of its rows is none: the first failure ends it. */
static bool drain(struct procs_stream *stream, const struct settings *settings,
		  struct picture *picture, struct report *report)
{
	const uint32_t each = paint_rows(settings);
	struct procs_result result;
	int more;

	while ((more = procs_next(stream, &result)) > 0) {
		const uint32_t first = (uint32_t)result.index * each;
		const uint32_t left = settings->rows - first, n = left < each ? left : each;

		if (!take(&result, settings, first, n, picture, report))
			return false;
		report_progress(report, first + n);
	}
	if (more < 0)
		report_error(report, "%s", strerror(-more));
	return more == 0;
}

bool flow_run(const struct settings *settings, struct picture *picture, struct report *report)
{
	void *view = paint_open(settings);
	const struct procs_options options = {
		.size = sizeof(struct procs_options),
		.workers = settings->workers,
		.start = settings->start,
		.traceback_fd = -1,
		.window_bytes = AHEAD,
		.init = settings->start != PROCS_START_INLINE ? paint_ready : NULL,
		.hooks_user = view,
	};
	const size_t n = (settings->rows - 1) / paint_rows(settings) + 1;
	struct procs_stream *stream = NULL;
	bool whole = false;

	if (view != NULL)
		stream = procs_pmap_sequences(procs_function_of(paint), n, &options, NULL, 0);
	if (stream == NULL)
		report_error(report, "%s", strerror(errno));
	else
		whole = drain(stream, settings, picture, report);
	procs_close(stream);
	paint_close();
	return whole;
}
