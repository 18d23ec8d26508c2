/*
 * socket.h - words and descriptors between a host and its forkserver. The only file that
 * sends.
 */
#ifndef PROCS_BACKEND_SOCKET_H
#define PROCS_BACKEND_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

/* A pair of ends, closed by exec: 0 or a negative errno. Who takes from the first waits 10 s
 * at most. */
int px_socket_pair(int ends[2]);

/* From now on it waits 2 s at most: for one that has shown that it answers. */
void px_socket_hurry(int socket);

/* One message of [size] bytes: 0 or a negative errno, -EPIPE if nobody is there. */
int px_socket_say(int socket, const void *bytes, size_t size);

/* A request: n descriptors, -1 for none, behind a word that says which there are. */
int px_socket_give(int socket, const int *fds, size_t n);

/* Waits for a message: its bytes, 0 at the end, or a negative errno, -EAGAIN when it took too
 * long. With n, it is a request, and its descriptors are the caller's. */
ssize_t px_socket_take(int socket, void *bytes, size_t size, int *fds, size_t n);

#endif /* PROCS_BACKEND_SOCKET_H */
