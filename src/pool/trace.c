/*
 * trace.c - the traceback of a failed item: as text in its record, and on the
 * descriptor that the caller left us, the first few of a stream.
 *
 * What a crashed worker left are numbers that anybody may have written; they
 * become names in a child (backend/symbols.h), each number once. The text is
 * made when the item is delivered, so that what nobody asks for costs nothing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backend/symbols.h"
#include "codec/text.h"
#include "pool/local.h"

enum {
	PX_TRACES_WRITTEN = 10, /* of a stream */
	PX_LINE_MOST = 512,     /* bytes of its first line: a message may have 64 KiB */
	PX_TRACE_TEXT = 16384,  /* bytes of one */
	PX_NAMES_KEPT = 256,    /* of a stream */
	PX_SEARCHES_MOST = 64   /* of a stream; each costs a child */
};

struct px_name {
	uint64_t address;
	struct px_symbol symbol;
};

struct px_traces {
	struct px_name *name; /* [n_names], owned */
	uint32_t n_names;
	uint64_t searches;
	uint64_t written, hidden;
	char text[PX_TRACE_TEXT];
};

/* Which signal codes have names of their own, by POSIX and Linux. */
static const struct {
	int signal, code;
	const char *text;
} px_codes[] = {
	{ SIGSEGV, SEGV_MAPERR, "nothing is mapped there" },
	{ SIGSEGV, SEGV_ACCERR, "access is not permitted" },
	{ SIGBUS, BUS_ADRALN, "wrong alignment" },
	{ SIGBUS, BUS_ADRERR, "behind the end of a file, or no memory" },
	{ SIGBUS, BUS_OBJERR, "broken hardware or file" },
	{ SIGFPE, FPE_INTDIV, "integer division by zero" },
	{ SIGFPE, FPE_INTOVF, "integer overflow" },
	{ SIGFPE, FPE_FLTDIV, "floating division by zero" },
	{ SIGFPE, FPE_FLTOVF, "floating overflow" },
	{ SIGFPE, FPE_FLTUND, "floating underflow" },
	{ SIGFPE, FPE_FLTRES, "floating result not exact" },
	{ SIGFPE, FPE_FLTINV, "floating operation not valid" },
	{ SIGILL, ILL_ILLOPC, "illegal instruction" },
	{ SIGILL, ILL_ILLOPN, "illegal operand" },
	{ SIGILL, ILL_PRVOPC, "privileged instruction" },
	{ SIGTRAP, TRAP_BRKPT, "breakpoint" },
	{ SIGSYS, 1, "forbidden system call" },
};

static const char *px_code_text(const struct px_crash *crash)
{
	if (crash->overflow)
		return "stack overflow";
	for (size_t i = 0; i < sizeof(px_codes) / sizeof(px_codes[0]); i++)
		if (px_codes[i].signal == crash->signal && px_codes[i].code == crash->code)
			return px_codes[i].text;
	return crash->code <= 0 ? "raised by the program" : "raised by the kernel";
}

static struct px_name *px_name_of(const struct px_traces *traces, uint64_t address)
{
	for (uint32_t i = 0; i < traces->n_names; i++)
		if (traces->name[i].address == address)
			return &traces->name[i];
	return NULL;
}

/* A return address stands behind its call, maybe in another line. */
static uint64_t px_call_at(const struct px_crash *crash, uint32_t i)
{
	return i == 0 ? crash->frame[i] : crash->frame[i] - 1;
}

/* Searches for the names of those addresses that were not met before. */
static void px_names_learn(struct px_traces *traces, const struct px_crash *crash,
			   const struct px_foreign *foreign)
{
	struct px_name *first = &traces->name[traces->n_names];
	uint64_t addresses[PX_REPORT_FRAMES];
	struct px_symbol symbols[PX_REPORT_FRAMES];
	uint32_t n = 0;

	for (uint32_t i = 0; i < crash->n_frames && traces->n_names < PX_NAMES_KEPT; i++) {
		const uint64_t address = px_call_at(crash, i);

		if (px_name_of(traces, address) != NULL)
			continue;
		traces->name[traces->n_names++] = (struct px_name){ .address = address };
		addresses[n++] = address;
	}
	if (n == 0)
		return;
	if (traces->searches >= PX_SEARCHES_MOST)
		px_symbols_guess(addresses, n, foreign, symbols);
	else if (!px_symbols_find(addresses, n, foreign, symbols))
		traces->searches = PX_SEARCHES_MOST; /* it would only take as long again */
	traces->searches++;
	for (uint32_t i = 0; i < n; i++)
		first[i].symbol = symbols[i];
}

static void px_add_frames(struct px_text *text, struct px_traces *traces,
			  const struct px_crash *crash, const struct px_foreign *foreign)
{
	uint32_t same = 0;

	px_names_learn(traces, crash, foreign);
	for (uint32_t i = 0; i < crash->n_frames; i++) {
		const uint64_t address = px_call_at(crash, i);
		const struct px_name *name = px_name_of(traces, address);

		/* Recursion: the frame before was the same call, and the one after is too. */
		if (i > 0 && i + 1 < crash->n_frames && crash->frame[i] == crash->frame[i - 1] &&
		    crash->frame[i] == crash->frame[i + 1]) {
			same++;
			continue;
		}
		if (same > 0)
			px_text_add(text, "  ... %u more of the same\n", same);
		same = 0;
		px_text_add(text, "  at ");
		if (name != NULL && name->symbol.text[0] != '\0')
			px_text_add_bytes(text, name->symbol.text, strlen(name->symbol.text));
		else
			px_text_add(text, "0x%llx", (unsigned long long)address);
		px_text_add(text, "\n");
	}
}

static void px_add_crash(struct px_text *text, struct px_traces *traces,
			 const struct px_crash *crash, const struct px_foreign *foreign)
{
	px_text_add(text, "  %s", px_code_text(crash));
	if (crash->code > 0 && crash->signal != SIGTRAP && crash->signal != SIGSYS)
		px_text_add(text, ", address 0x%llx", (unsigned long long)crash->address);
	px_text_add(text, "\n");
	px_add_frames(text, traces, crash, foreign);
}

/* One write, if the descriptor takes it now: a pipe that nobody empties must not
 * hold up the host, and neither a reader that is gone nor a full file is to raise
 * a signal in it. False: nothing was written. */
static bool px_write_text(int fd, const char *text, size_t size)
{
	struct pollfd poll = { fd, POLLOUT, 0 };
	const struct timespec now = { 0, 0 };
	const int saved = errno;
	sigset_t raised, mask, pending;
	bool written = false;

	sigemptyset(&raised);
	sigaddset(&raised, SIGPIPE);
	sigaddset(&raised, SIGXFSZ);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &raised, &mask);
	if (syscall(SYS_ppoll, &poll, 1, &now, NULL, 0) == 1 && (poll.revents & POLLOUT))
		written = write(fd, text, size) > 0;
	if (!written && !sigismember(&pending, SIGPIPE) && !sigismember(&pending, SIGXFSZ))
		while (sigtimedwait(&raised, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	errno = saved;
	return written;
}

static struct px_traces *px_traces_of(struct procs_stream *stream)
{
	struct px_traces *traces = stream->traces;

	if (traces != NULL)
		return traces;
	traces = calloc(1, sizeof(*traces));
	if (traces == NULL)
		return NULL;
	traces->name = calloc(PX_NAMES_KEPT, sizeof(*traces->name));
	if (traces->name == NULL) {
		free(traces);
		return NULL;
	}
	return stream->traces = traces;
}

static const char *px_short_line(const struct procs_failed *failed, char *line, size_t room)
{
	struct px_text text = px_text_into(line, room);

	px_text_add_failed(&text, failed);
	if (text.length >= room)
		memcpy(line + room - 4, "...", 4);
	return line;
}

void px_trace(struct procs_stream *stream, const struct px_crash *crash, struct procs_bytes where)
{
	struct procs_failed *failed = &stream->failed;
	struct px_traces *traces;
	struct px_text text;
	char line[PX_LINE_MOST];

	failed->traceback = "";
	if (stream->config.traceback_fd < 0 || (crash == NULL && where.size == 0))
		return;
	traces = px_traces_of(stream);
	if (traces == NULL)
		return;
	text = px_text_into(traces->text, sizeof(traces->text));
	px_text_add(&text, "procs: item %llu of ", (unsigned long long)failed->index);
	px_text_add_bytes(&text, failed->function, strlen(failed->function));
	px_text_add(&text, ", process %lld: ", (long long)failed->pid);
	px_text_add(&text, "%s\n", px_short_line(failed, line, sizeof(line)));
	if (crash != NULL)
		px_add_crash(&text, traces, crash, px_backend_foreign(stream->backend));
	if (where.size > 0) {
		px_text_add(&text, "  at ");
		px_text_add_bytes(&text, where.data, where.size);
		px_text_add(&text, "\n");
	}
	failed->traceback = traces->text;
	if (traces->written < PX_TRACES_WRITTEN &&
	    px_write_text(stream->config.traceback_fd, traces->text,
			  px_min(text.length, sizeof(traces->text) - 1)))
		traces->written++;
	else
		traces->hidden++;
}

void px_traces_free(struct procs_stream *stream)
{
	struct px_traces *traces = stream->traces;
	struct px_text text;

	if (traces == NULL)
		return;
	if (traces->hidden > 0) {
		text = px_text_into(traces->text, sizeof(traces->text));
		px_text_add(&text, "procs: %llu more tracebacks of this stream are not shown\n",
			    (unsigned long long)traces->hidden);
		(void)px_write_text(stream->config.traceback_fd, traces->text, text.length);
	}
	free(traces->name);
	free(traces);
	stream->traces = NULL;
}

struct px_crash *px_crash_copy(struct procs_stream *stream, uint32_t slot, struct px_loss *loss)
{
	struct px_crash crash, *copy = NULL;

	if (px_backend_crash(stream->backend, slot, loss, &crash) &&
	    stream->config.traceback_fd >= 0)
		copy = malloc(sizeof(*copy));
	if (copy != NULL)
		*copy = crash;
	return copy;
}
