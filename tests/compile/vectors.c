/* The same bodies as PROCS_PURE and as PROCS_DEFINE, for vectors.py to look at
 * what compilers make of them. */
#include <procs/procs.h>

PROCS_PURE2(int, pure_sum, int, x, int, y) { return 5 * x + 3 * y; }
PROCS_DEFINE2(int, plain_sum, int, x, int, y) { return 5 * x + 3 * y; }

PROCS_PURE3(float, pure_blend, float, x, float, y, float, z) { return x * 0.5f + y * z; }
PROCS_DEFINE3(float, plain_blend, float, x, float, y, float, z) { return x * 0.5f + y * z; }

/* Not to be seen from elsewhere. */
static PROCS_PURE1(double, pure_square, double, x) { return x * x - 1; }
static PROCS_DEFINE1(double, plain_square, double, x) { return x * x - 1; }

PROCS_PURE1(unsigned char, pure_bytes, unsigned char, x) { return (unsigned char)(x + 3); }
PROCS_DEFINE1(unsigned char, plain_bytes, unsigned char, x) { return (unsigned char)(x + 3); }

/* More than gcc inlines at -O2 unless it is told to. */
# define ROUND x = x * 3 + y, y = y * 7 ^ x
PROCS_PURE2(unsigned, pure_long, unsigned, x, unsigned, y)
{
	ROUND, ROUND, ROUND, ROUND, ROUND, ROUND, ROUND;
	return x + y;
}
PROCS_DEFINE2(unsigned, plain_long, unsigned, x, unsigned, y)
{
	ROUND, ROUND, ROUND, ROUND, ROUND, ROUND, ROUND;
	return x + y;
}

const struct procs_function *squares[2];
void find_squares(void);

void find_squares(void)
{
	squares[0] = procs_function_of(pure_square);
	squares[1] = procs_function_of(plain_square);
}
