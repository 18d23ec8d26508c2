#include "backend/socket.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/px.h"
#include "shm/file.h"

enum {
	PX_FDS_MOST = 8,
	PX_PATIENCE = 10, /* s, for a program to begin */
	PX_HURRY = 2      /* s, for one that runs */
};

/* Room for descriptors beside a message, aligned as the kernel wants it. */
union px_beside {
	struct cmsghdr head;
	unsigned char room[CMSG_SPACE(PX_FDS_MOST * sizeof(int))];
};

static void px_socket_wait_for(int socket, int seconds)
{
	const struct timeval patience = { .tv_sec = seconds };

	(void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

int px_socket_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		ends[i] = px_file_above(ends[i]);
	if (ends[0] < 0 || ends[1] < 0) {
		px_file_close(ends[0]);
		px_file_close(ends[1]);
		return -EMFILE;
	}
	px_socket_wait_for(ends[0], PX_PATIENCE);
	return 0;
}

void px_socket_hurry(int socket)
{
	px_socket_wait_for(socket, PX_HURRY);
}

static int px_socket_send(int socket, const struct msghdr *message)
{
	ssize_t sent;

	do
		sent = sendmsg(socket, message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int px_socket_say(int socket, const void *bytes, size_t size)
{
	struct iovec piece = { (void *)(uintptr_t)bytes, size };
	const struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	return px_socket_send(socket, &message);
}

int px_socket_give(int socket, const int *fds, size_t n)
{
	union px_beside beside = { .room = { 0 } };
	int there[PX_FDS_MOST];
	int32_t which = 0;
	struct iovec piece = { &which, sizeof(which) };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	size_t count = 0;

	px_assert(n <= PX_FDS_MOST);
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0) {
			there[count++] = fds[i];
			which |= 1 << i;
		}
	message.msg_control = beside.room;
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	beside.head.cmsg_level = SOL_SOCKET;
	beside.head.cmsg_type = SCM_RIGHTS;
	beside.head.cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(&beside.head), there, count * sizeof(int));
	return px_socket_send(socket, &message);
}

/* The descriptors that came, each where the sender had it. */
static void px_socket_sort(struct msghdr *message, int32_t which, int *fds, size_t n)
{
	const struct cmsghdr *head = CMSG_FIRSTHDR(message);
	size_t count = 0, at = 0;
	int came[PX_FDS_MOST];

	if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
		count = px_min((head->cmsg_len - CMSG_LEN(0)) / sizeof(int), PX_FDS_MOST);
	if (count > 0)
		memcpy(came, CMSG_DATA(head), count * sizeof(int));
	for (size_t i = 0; i < n; i++)
		fds[i] = which >> i & 1 && at < count ? px_file_above(came[at++]) : -1;
	for (; at < count; at++)
		close(came[at]);
}

ssize_t px_socket_take(int socket, void *bytes, size_t size, int *fds, size_t n)
{
	union px_beside beside;
	struct iovec piece = { bytes, size };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	int32_t which = 0;
	ssize_t got;

	message.msg_control = n > 0 ? beside.room : NULL;
	message.msg_controllen = n > 0 ? sizeof(beside.room) : 0;
	do
		got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	/* Some did not come: there is no room for them here. */
	if (n > 0 && message.msg_flags & MSG_CTRUNC) {
		px_socket_sort(&message, 0, fds, n);
		return -EMFILE;
	}
	if (n > 0) {
		if (got == (ssize_t)sizeof(which))
			memcpy(&which, bytes, sizeof(which));
		px_socket_sort(&message, which, fds, n);
	}
	return got;
}
