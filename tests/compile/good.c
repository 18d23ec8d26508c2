/*
 * good.c - all that the headers offer to C, used as it is meant: no compiler
 * may say a word. Only compiled; what it does is the business of other tests.
 */
#include <errno.h>
#include <procs/procs.h>
#include <stdbool.h>
#include <stdio.h>

struct point {
	double x, y;
};
PROCS_STRUCT(struct point, double, x, double, y);

enum colour { RED, GREEN };

struct badge {
	char name[8];
	struct point at;
	const char *text;
	struct procs_bytes bytes;
	bool known;
	unsigned short numbers[3];
	int not_told;
};
PROCS_STRUCT(struct badge, char, name, struct point, at, const char *, text, struct procs_bytes,
	     bytes, bool, known, unsigned short, numbers);

/* Tasks with every number of arguments. */
PROCS_DEFINE0(int, none) { return 4; }
PROCS_DEFINE1(int, one, int, a) { return a; }
PROCS_DEFINE2(int, two, int, a, int, b) { return a + b; }
PROCS_DEFINE3(int, three, int, a, int, b, int, c) { return a + b + c; }
PROCS_DEFINE4(int, four, int, a, int, b, int, c, int, d) { return a + b + c + d; }
PROCS_DEFINE5(int, five, int, a, int, b, int, c, int, d, int, e) { return a + b + c + d + e; }
PROCS_DEFINE6(int, six, int, a, int, b, int, c, int, d, int, e, int, f)
{
	return a + b + c + d + e + f;
}
PROCS_DEFINE7(int, seven, int, a, int, b, int, c, int, d, int, e, int, f, int, g)
{
	return a + b + c + d + e + f + g;
}
PROCS_DEFINE8(int, eight, int, a, int, b, int, c, int, d, int, e, int, f, int, g, int, h)
{
	return a + b + c + d + e + f + g + h;
}

/* Results and arguments of every kind. */
static PROCS_DEFINE1(struct point, turned, struct point, p)
{
	if (p.x > p.y)
		return procs_fail_as(struct point, EDOM, "%g is too far", p.x);
	return (struct point){ p.y, p.x };
}
static PROCS_DEFINE1(const char *, greeting, const char *, name)
{
	char *line = procs_scratch(80);

	if (line == NULL)
		return procs_fail_as(const char *, errno, "no line");
	snprintf(line, 80, "hello %s", name);
	return line;
}
static PROCS_DEFINE2(struct procs_bytes, cut, struct procs_bytes, from, enum colour, colour)
{
	return (struct procs_bytes){ from.data, colour == RED ? from.size : 0 };
}
static PROCS_DEFINE1(void, nothing, struct badge, badge)
{
	if (!badge.known)
		procs_fail_data(ENOENT, badge.name, sizeof(badge.name), "not known");
}
static PROCS_DEFINE2(long double, widest, float, a, unsigned long long, b)
{
	return procs_index() == 0 && procs_attempt() == 1 ? (long double)a : (long double)b;
}
static PROCS_DEFINE1(bool, odd, signed char, a)
{
	return a % 2 != 0;
}

/* Tasks that run in blocks, with every number of arguments and kinds of results. */
static unsigned short table[256];
PROCS_PURE0(int, pure_none) { return 4; }
PROCS_PURE1(int, pure_one, int, a) { return a; }
static PROCS_PURE2(float, pure_two, float, a, float, b) { return a * 0.5f + b; }
static PROCS_PURE3(unsigned char, pure_three, unsigned char, a, short, b, int, c)
{
	static const short lowest = 3;

	return (unsigned char)(b < lowest ? a : table[a] + c);
}
PROCS_PURE4(double, pure_four, double, a, double, b, double, c, double, d) { return a * d - b * c; }
PROCS_PURE5(int, pure_five, int, a, int, b, int, c, int, d, int, e) { return a + b + c + d + e; }
PROCS_PURE6(int, pure_six, int, a, int, b, int, c, int, d, int, e, int, f)
{
	return a + b + c + d + e + f;
}
PROCS_PURE7(int, pure_seven, int, a, int, b, int, c, int, d, int, e, int, f, int, g)
{
	return a + b + c + d + e + f + g;
}
PROCS_PURE8(int, pure_eight, int, a, int, b, int, c, int, d, int, e, int, f, int, g, int, h)
{
	return a < 1 ? b + c + d + e + f + g + h : pure_eight(a - 1, b, c, d, e, f, g, h);
}
static PROCS_PURE1(void, pure_nothing, enum colour, colour) { (void)colour; }
PROCS_PURE1(struct point, pure_turned, struct point, p)
{
	if (p.x > p.y)
		return procs_fail_as(struct point, EDOM, "%g is too far", p.x);
	return (struct point){ p.y, p.x };
}
PROCS_PURE1(const char *, pure_text, struct badge, badge) { return badge.text; }
PROCS_DECLARE1(bool, pure_odd, signed char, a);
PROCS_PURE_BODY1(bool, pure_odd, signed char, a)
{
	return a % 2 != 0;
}

/* A header declares, another file has the body; here both are one. */
PROCS_DECLARE1(double, half, double, x);
PROCS_BODY1(double, half, double, x)
{
	return x / 2;
}

/* Raw tasks. */
static int fill(struct procs_task *task)
{
	size_t size;
	const void *from = procs_argument(task, 0, &size);
	void *to = procs_reserve(task, size);

	if (to == NULL || procs_argument_count(task) != 1)
		return procs_fail(errno, "no room for %zu bytes", size);
	memcpy(to, from, size);
	return procs_commit(task, size);
}
static PROCS_TASK(fill_here, fill);
PROCS_TASK_DECLARE(fill_anywhere);
PROCS_TASK(fill_anywhere, fill);

static int source(void *user, struct procs_spec *spec)
{
	int *left = user;

	*spec = procs_proc(one, .a = *left);
	return (*left)-- > 0;
}

static struct procs_spec chosen(int k)
{
	const struct badge badge = { .name = "x", .at = { 1, 2 }, .text = "t", .known = true };

	switch (k) {
	case 0:
		return procs_proc(none);
	case 1:
		return procs_proc(turned, ((struct point){ .x = 1, .y = 2 }));
	case 2:
		return procs_proc(turned, .p = ((struct point){ 1, 2 }));
	case 3:
		return procs_proc(nothing, badge);
	case 4:
		return procs_proc(cut, ((struct procs_bytes){ "abc", 3 }), .colour = GREEN);
	case 5:
		return procs_proc(eight, 1, 2, 3, 4, 5, 6, 7, .h = 8);
	case 6:
		return procs_proc(widest, 1, .b = 'c');
	default:
		return procs_raw(procs_function_of(fill_here), "abc", 3);
	}
}

static void read_values(struct procs_stream *stream)
{
	struct procs_result result;
	struct point point;
	const char *text;
	char *other;
	unsigned long long wide;
	enum colour colour;
	char line[80];
	size_t size;
	bool truth;

	while (procs_next_until(stream, &result, procs_deadline(1000000000)) > 0) {
		if (procs_value(&result, &point) == 0 || procs_value(&result, &text) == 0 ||
		    procs_value(&result, &other) == 0 || procs_value(&result, &wide) == 0 ||
		    procs_value(&result, &colour) == 0 || procs_value(&result, &truth) == 0)
			puts(procs_text(&result));
		else if (procs_view(&result, &size) == NULL && result.failed != NULL)
			puts(procs_cause_name(result.failed->cause));
		procs_failed_text(result.failed, line, sizeof(line));
		procs_cancel(stream, result.index + 1);
	}
	procs_close(stream);
}

int main(void)
{
	const int constant[] = { 1, 2 };
	int xs[] = { 1, 2 }, left = 3;
	const struct procs_sequence sequence = { .base = xs, .element_size = sizeof(xs[0]) };
	const void *const arrays[] = { xs };
	struct procs_spec specs[8];

	for (int k = 0; k < 8; k++)
		specs[k] = chosen(k);
	read_values(procs_call(specs, 8, PROCS_OPTIONS(.workers = 2, .order = PROCS_ORDER_COMPLETED)));
	read_values(procs_call_from(source, &left, NULL));
	read_values(procs_pmap(none, 2, NULL));
	read_values(procs_pmap(two, 2, NULL, xs, constant));
	read_values(procs_pmap(two, 2, NULL, .b = constant, .a = xs));
	read_values(procs_pmap(half, 0, PROCS_OPTIONS(.start = PROCS_START_INLINE), NULL));
	read_values(procs_pmap(eight, 2, NULL, xs, xs, xs, xs, xs, xs, xs, xs));
	read_values(procs_pmap_sequences(procs_function_of(fill_anywhere), 2, NULL, &sequence, 1));
	read_values(procs_pmap_arrays(procs_function_of(one), 2, NULL, arrays, 1));
	read_values(procs_pmap(pure_none, 2, NULL));
	read_values(procs_pmap(pure_three, 0, NULL, NULL, NULL, .c = xs));
	read_values(procs_pmap(pure_eight, 2, NULL, xs, xs, xs, xs, xs, xs, xs, xs));
	(void)procs_pmap(pure_two, 0, NULL, NULL, NULL);
	(void)procs_pmap(pure_nothing, 0, NULL, NULL);
	(void)procs_pmap(odd, 0, NULL, NULL);
	if (procs_reduce(one, two, 2, &left, NULL, xs) == -ECANCELED ||
	    procs_reduce(two, two, 2, xs, PROCS_OPTIONS(.workers = 2), .b = constant, .a = xs) != 0)
		puts(procs_last_failure()->message);
	(void)procs_call(&(struct procs_spec){ 0 }, 1, NULL);
	(void)greeting("a plain call");
	return three(1, 2, 3) + four(1, 2, 3, 4) + five(1, 2, 3, 4, 5) + six(1, 2, 3, 4, 5, 6) +
	       seven(1, 2, 3, 4, 5, 6, 7) + (procs_last_failure() != NULL) +
	       (strcmp(procs_version(), PROCS_VERSION) != 0);
}
