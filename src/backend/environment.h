/*
 * environment.h - what a worker reads in its environment, and the host does not.
 */
#ifndef PROCS_BACKEND_ENVIRONMENT_H
#define PROCS_BACKEND_ENVIRONMENT_H

/* In a worker just forked: the variables by which OpenMP and libraries of linear
 * algebra are told how many threads to start say 1, those that say nothing. There are
 * as many workers as CPUs already. */
void px_environment_cap(void);

#endif /* PROCS_BACKEND_ENVIRONMENT_H */
