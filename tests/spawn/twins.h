#ifndef TESTS_SPAWN_TWINS_H
#define TESTS_SPAWN_TWINS_H

#include <procs/procs.h>

const struct procs_function *other_twin(void);

#endif
