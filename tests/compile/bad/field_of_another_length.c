// expect: not compatible with any (generic )?association
#include <procs/procs.h>

struct name {
	char text[8];
	unsigned char kind;
};

#ifdef RIGHT
PROCS_STRUCT(struct name, char, text, unsigned char, kind);
#else
PROCS_STRUCT(struct name, unsigned char, text, unsigned char, kind);
#endif
