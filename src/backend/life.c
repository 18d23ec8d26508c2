#include "backend/life.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/px.h"
#include "base/raw.h"

/* Where the futex word lies, seen from a list node; glibc's mutexes decide. */
#define PX_WORD_OFFSET (-32L)

/* The head the kernel walks when this thread ends. In this process's own
 * memory, one a thread that works. */
PX_TLS static struct robust_list_head px_head;

void *px_life_list(void)
{
	struct robust_list_head *head = NULL;
	size_t size = 0;

	if (syscall(SYS_get_robust_list, 0, &head, &size) != 0 || head == NULL ||
	    size != sizeof(*head) || head->futex_offset != PX_WORD_OFFSET)
		return NULL;
	return head;
}

void px_life_relist(void *list)
{
	struct robust_list_head *glibc = list;

	if (glibc == NULL || px_life_list() != NULL)
		return;
	glibc->list.next = &glibc->list;
	(void)syscall(SYS_set_robust_list, glibc, sizeof(*glibc));
}

bool px_life_register(struct px_life *life, void *list, bool fresh)
{
	struct robust_list_head *glibc = list;
	struct robust_list *node = (struct robust_list *)(void *)life->node;
	const uint32_t word = (uint32_t)px_raw(SYS_gettid, 0, 0, 0, 0) | FUTEX_WAITERS;

	if (glibc == NULL)
		return false;
	if (fresh)
		glibc->list.next = &glibc->list;
	node->next = &glibc->list;
	px_head = (struct robust_list_head){
		.list = { .next = node },
		.futex_offset = PX_WORD_OFFSET,
	};
	/* release: pairs with the acquire in px_take_life() */
	atomic_store_explicit(&life->word, word, memory_order_release);
	if (px_raw(SYS_set_robust_list, (long)&px_head, sizeof(px_head), 0, 0) == 0)
		return true;
	/* release: as above; 0 reads as "not born yet", and the sweeps find its end */
	atomic_store_explicit(&life->word, 0, memory_order_release);
	px_head.list.next = NULL;
	return false;
}

void px_life_resign(void)
{
	struct robust_list *node = px_head.list.next;

	if (node != NULL)
		(void)px_raw(SYS_set_robust_list, (long)node->next, sizeof(px_head), 0, 0);
}

bool px_life_is_well(uint32_t word, int64_t pid)
{
	return word == 0 || word == ((uint32_t)pid | FUTEX_WAITERS);
}
